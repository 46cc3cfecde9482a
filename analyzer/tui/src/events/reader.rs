//! The worker behind the view: it reads what the window needs.

use std::{ops::ControlFlow, sync::Arc};

use memtrace_analysis::{
    Nanos, ReadError, Recorded, Trace,
    events::{self, Browser, Entry, EventLine, EventPlace, Query},
};

use crate::{action::Side, listing::RowFilter, worker::Mailbox};

/// The number of events read on each side.
const PAGE: usize = 400;

/// Requests of the view. Each concerns only events that the filter admits.
#[derive(Debug)]
pub(super) enum EventsRequest {
    /// The events on both sides of a place.
    Around(EventPlace, RowFilter),
    /// The events before a place, or from it on.
    More(Side, EventPlace, RowFilter),
    /// The nearest on this side of a place that mentions the words, and those around it.
    Find(Side, String, EventPlace, RowFilter),
}

/// Answers to requests.
#[derive(Debug)]
pub(super) enum EventsAnswer {
    Around(EventsPage),
    More(Side, Vec<EventRow>),
    Found(SearchResult),
}

/// The result of a search.
#[derive(Debug)]
pub(super) enum SearchResult {
    Nothing,
    At(EventsPage),
}

/// Some events, and the one to select.
#[derive(Debug)]
pub(super) struct EventsPage {
    pub(super) shown: Vec<EventRow>,
    pub(super) selected: usize,
    /// True where the log begins with the first of them, and ends with the last.
    pub(super) ends: [bool; 2],
}

/// An event in words, and its place.
#[derive(Clone, Debug)]
pub(super) struct EventRow {
    pub(super) place: EventPlace,
    pub(super) line: EventLine,
}

/// Reads for the view, and tells the time that it has reached.
pub(super) struct EventsReader {
    trace: Arc<Trace>,
}

impl EventsReader {
    pub(super) fn new(trace: Arc<Trace>) -> Self {
        Self { trace }
    }

    /// Answers a request; none if a newer one has overtaken it.
    pub(super) fn answer(
        &self,
        request: EventsRequest,
        desk: &Mailbox<EventsRequest>,
    ) -> Option<Result<EventsAnswer, ReadError>> {
        let browser = Browser::new(&self.trace);
        let mut watch =
            |time: Nanos| if desk.tell(time.0) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        let mut reading = ReadRows { browser: &browser, trace: &self.trace, watch: &mut watch };
        let answer = match request {
            EventsRequest::Around(place, filter) => {
                reading.around(place, &filter).map(|page| page.map(EventsAnswer::Around))
            }
            EventsRequest::More(side, place, filter) => reading
                .page(side, place, &filter)
                .map(|shown| shown.map(|shown| EventsAnswer::More(side, shown))),
            EventsRequest::Find(side, text, place, filter) => {
                reading.find(side, &text, place, &filter).map(|found| found.map(EventsAnswer::Found))
            }
        };
        answer.transpose()
    }
}

struct ReadRows<'a> {
    browser: &'a Browser<'a>,
    trace: &'a Trace,
    watch: &'a mut events::Watch<'a>,
}

impl<'a> ReadRows<'a> {
    fn around(&mut self, place: EventPlace, filter: &RowFilter) -> Result<Option<EventsPage>, ReadError> {
        let Some(mut shown) = self.page(Side::Back, place, filter)? else { return Ok(None) };
        let Some(behind) = self.page(Side::Forward, place, filter)? else { return Ok(None) };
        let here = behind.first().is_some_and(|first| first.place == place);
        let selected = if here { shown.len() } else { shown.len().saturating_sub(1) };
        let ends = [shown.len() < PAGE, behind.len() < PAGE];
        shown.extend(behind);
        Ok(Some(EventsPage { shown, selected, ends }))
    }

    fn page(
        &mut self,
        side: Side,
        place: EventPlace,
        filter: &RowFilter,
    ) -> Result<Option<Vec<EventRow>>, ReadError> {
        let mut wanted = self.admitted(filter);
        let page = match side {
            Side::Back => self.browser.page_before(place, PAGE, &mut wanted, self.watch),
            Side::Forward => self.browser.page_from(place, PAGE, &mut wanted, self.watch),
        };
        Ok(page?.map(|entries| entries.iter().map(|entry| self.shown(entry)).collect()))
    }

    fn find(
        &mut self,
        side: Side,
        text: &str,
        place: EventPlace,
        filter: &RowFilter,
    ) -> Result<Option<SearchResult>, ReadError> {
        let Some(mut query) = Query::new(text) else { return Ok(Some(SearchResult::Nothing)) };
        let mut admitted = self.admitted(filter);
        let definitions = self.trace.definitions();
        let mut wanted = |recorded: &Recorded| query.matches(recorded, definitions) && admitted(recorded);
        let towards = match side {
            Side::Back => events::SeekSide::Back,
            Side::Forward => events::SeekSide::Forward,
        };
        let Some(found) = self.browser.find(place, towards, &mut wanted, self.watch)? else {
            return Ok(None);
        };
        let Some(entry) = found else { return Ok(Some(SearchResult::Nothing)) };
        Ok(self.around(entry.place, filter)?.map(SearchResult::At))
    }

    fn admitted<'f>(&self, filter: &'f RowFilter) -> impl FnMut(&Recorded) -> bool + 'f
    where
        'a: 'f,
    {
        let definitions = self.trace.definitions();
        move |recorded| {
            filter.is_empty() || {
                let line = EventLine::new(recorded, definitions);
                filter.admits(&EventRow { place: EventPlace::at(recorded.time), line }.row())
            }
        }
    }

    fn shown(&self, entry: &Entry) -> EventRow {
        EventRow { place: entry.place, line: EventLine::new(&entry.recorded, self.trace.definitions()) }
    }
}
