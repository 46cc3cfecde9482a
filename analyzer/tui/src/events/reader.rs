//! The worker behind the view: it reads what the window needs.

use std::{ops::ControlFlow, sync::Arc};

use memtrace_analysis::{
    Nanos, ReadError, Recorded, Trace,
    events::{self, Browser, Entry, EventLine, EventPlace, Query},
};

use crate::{action::Side, listing::Filter, worker::Desk};

/// How many events are read on each side.
const PAGE: usize = 400;

/// What the view wants to know. Each of it is of the events that the filter admits.
#[derive(Debug)]
pub(super) enum Question {
    /// The events on both sides of a place.
    Around(EventPlace, Filter),
    /// Those before a place, or from it on.
    More(Side, EventPlace, Filter),
    /// The nearest on this side of a place that mentions the words, and those around it.
    Find(Side, String, EventPlace, Filter),
}

/// What it gets.
#[derive(Debug)]
pub(super) enum Answer {
    Around(Page),
    More(Side, Vec<Shown>),
    Found(Found),
}

/// What a search came to.
#[derive(Debug)]
pub(super) enum Found {
    Nothing,
    At(Page),
}

/// Some events, and the one to select.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) shown: Vec<Shown>,
    pub(super) selected: usize,
    /// Whether the log begins with the first, and ends with the last.
    pub(super) ends: [bool; 2],
}

/// An event in words, and its place.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) place: EventPlace,
    pub(super) line: EventLine,
}

/// Reads for the view, and tells the time that it has reached.
pub(super) struct Reader {
    trace: Arc<Trace>,
}

impl Reader {
    pub(super) fn new(trace: Arc<Trace>) -> Self {
        Self { trace }
    }

    /// None: it was overtaken.
    pub(super) fn answer(
        &self,
        question: Question,
        desk: &Desk<Question>,
    ) -> Option<Result<Answer, ReadError>> {
        let browser = Browser::new(&self.trace);
        let mut watch =
            |time: Nanos| if desk.tell(time.0) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        let mut reading = Reading { browser: &browser, trace: &self.trace, watch: &mut watch };
        let answer = match question {
            Question::Around(place, filter) => {
                reading.around(place, &filter).map(|page| page.map(Answer::Around))
            }
            Question::More(side, place, filter) => {
                reading.page(side, place, &filter).map(|shown| shown.map(|shown| Answer::More(side, shown)))
            }
            Question::Find(side, text, place, filter) => {
                reading.find(side, &text, place, &filter).map(|found| found.map(Answer::Found))
            }
        };
        answer.transpose()
    }
}

struct Reading<'a> {
    browser: &'a Browser<'a>,
    trace: &'a Trace,
    watch: &'a mut events::Watch<'a>,
}

impl<'a> Reading<'a> {
    fn around(&mut self, place: EventPlace, filter: &Filter) -> Result<Option<Page>, ReadError> {
        let Some(mut shown) = self.page(Side::Back, place, filter)? else { return Ok(None) };
        let Some(behind) = self.page(Side::Forward, place, filter)? else { return Ok(None) };
        let here = behind.first().is_some_and(|first| first.place == place);
        let selected = if here { shown.len() } else { shown.len().saturating_sub(1) };
        let ends = [shown.len() < PAGE, behind.len() < PAGE];
        shown.extend(behind);
        Ok(Some(Page { shown, selected, ends }))
    }

    fn page(
        &mut self,
        side: Side,
        place: EventPlace,
        filter: &Filter,
    ) -> Result<Option<Vec<Shown>>, ReadError> {
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
        filter: &Filter,
    ) -> Result<Option<Found>, ReadError> {
        let Some(mut query) = Query::new(text) else { return Ok(Some(Found::Nothing)) };
        let mut admitted = self.admitted(filter);
        let definitions = self.trace.definitions();
        let mut wanted = |recorded: &Recorded| query.matches(recorded, definitions) && admitted(recorded);
        let towards = match side {
            Side::Back => events::Side::Back,
            Side::Forward => events::Side::Forward,
        };
        let Some(found) = self.browser.find(place, towards, &mut wanted, self.watch)? else {
            return Ok(None);
        };
        let Some(entry) = found else { return Ok(Some(Found::Nothing)) };
        Ok(self.around(entry.place, filter)?.map(Found::At))
    }

    fn admitted<'f>(&self, filter: &'f Filter) -> impl FnMut(&Recorded) -> bool + 'f
    where
        'a: 'f,
    {
        let definitions = self.trace.definitions();
        move |recorded| {
            filter.is_empty() || {
                let line = EventLine::new(recorded, definitions);
                filter.admits(&Shown { place: EventPlace::at(recorded.time), line }.row())
            }
        }
    }

    fn shown(&self, entry: &Entry) -> Shown {
        Shown { place: entry.place, line: EventLine::new(&entry.recorded, self.trace.definitions()) }
    }
}
