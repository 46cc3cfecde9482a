//! The log itself, around the cursor.
//!
//! ```text
//!  events around 1.412345678 s of 12.345 s                         searching unet… 1.9 s
//!            time  thread  kind           heap           address       size  names      more
//!     1.412345670  main    block alloc    cuda:0  0x7f3a00001000  12.00 MiB  unet.down  asked 11.90 MiB
//!     1.412345678  main    block free     cuda:0  0x7f3a00c01000   3.00 MiB
//! ```
//!
//! The rows are a window into the file, read by a worker wherever the cursor goes; the selected event is the instant that
//! all views look at. A filter and a search are of the whole file, not of the window.

mod reader;
mod window;

use std::sync::Arc;

use memtrace_analysis::{Nanos, Text, Trace, events::EventPlace};
use memtrace_format::Address;
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    text::{Line, Span},
    widgets::Widget,
};

use self::{
    reader::{EventsPage, EventsReader, EventsRequest, SearchResult},
    window::RowWindow,
};
use super::{
    action::{Action, Scroll, Side},
    goal::Goal,
    listing::{Column, Listing},
    open_run::OpenRun,
    page,
    theme::Theme,
    view::{Answer, View},
    widget::put,
    worker::Worker,
};

/// The view.
#[derive(Debug)]
pub(crate) struct EventsView {
    worker: Option<Worker<EventsRequest, reader::EventsAnswer>>,
    /// The trace that the worker reads; replaced when more of it has been written.
    trace: Option<Arc<Trace>>,
    window: RowWindow,
    rows: Listing,
    /// The filter that the window is read with.
    filter: String,
    /// The instant that the window was read around.
    around: Option<Nanos>,
    /// The request that the worker is at.
    asked: Option<Asked>,
    /// Set if reading failed: more of it then fails too.
    failed: bool,
    /// The message at the head until the next request.
    said: Option<String>,
}

/// The request that the worker is at.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    /// The events around the cursor.
    Around,
    /// The events around a place to which the cursor moves.
    There,
    More,
    Search(String),
}

impl Default for EventsView {
    fn default() -> Self {
        Self {
            worker: None,
            trace: None,
            window: RowWindow::default(),
            rows: Listing::new(columns()),
            filter: String::new(),
            around: None,
            asked: None,
            failed: false,
            said: None,
        }
    }
}

fn columns() -> Vec<Column> {
    vec![
        Column::number("time", 14, 0),
        Column::text("thread", 12, 4),
        Column::text("kind", 20, 0),
        Column::text("heap", 8, 5),
        Column::number("address", 14, 3),
        Column::number("size", 11, 2),
        Column::text("names", Column::WIDE, 1),
        Column::text("more", 26, 6),
    ]
}

impl View for EventsView {
    fn prepare(&mut self, run: &OpenRun) {
        let known = self.trace.as_ref();
        if let Some(trace) = run.trace.as_ref().filter(|new| known.is_none_or(|old| !Arc::ptr_eq(old, new))) {
            let reader = EventsReader::new(Arc::clone(trace));
            let answer =
                move |request, desk: &super::worker::Mailbox<EventsRequest>| reader.answer(request, desk);
            self.worker = Some(Worker::new("memtrace-events", run.wake.clone(), answer));
            self.trace = Some(Arc::clone(trace));
            // What was being read is not answered any more; what was read stays, and goes on where it ended.
            if self.asked.take().is_some_and(|asked| asked != Asked::More) {
                self.around = None;
            }
            self.window.goes_on();
        }
    }

    fn draw(&self, run: &OpenRun, theme: Theme, area: Rect, buffer: &mut Buffer) {
        let head = Rect { height: 1, ..area };
        put(&self.headline(run, theme), head, buffer);
        self.state(theme).alignment(Alignment::Right).render(head, buffer);
        let rows = Rect { y: area.y + 1, height: area.height - 1, ..area };
        self.rows.draw(theme, rows, buffer);
    }

    fn update(&mut self, run: &mut OpenRun, action: Action, area: Rect) -> Answer {
        match action {
            Action::Scroll(scroll) => self.scroll(run, scroll),
            Action::Edge(Side::Back) => self.go_to(run, EventPlace::default()),
            Action::Edge(Side::Forward) => self.go_to(run, EventPlace::END),
            Action::Find(_) if run.search.is_empty() => Answer::Ignored,
            Action::Find(side) => self.search(run, side),
            Action::Back if matches!(self.asked, Some(Asked::Search(_))) => {
                self.asked = None;
                self.around = None;
                self.said = Some("the search was given up".to_owned());
                Answer::Done
            }
            Action::Press(position) if self.rows(run, area).contains(position) => {
                let row = usize::from(position.y - self.rows(run, area).y);
                if self.rows.top() + row >= self.rows.len() {
                    return Answer::Done;
                }
                let before = self.rows.selected().map(|row| row.id);
                self.rows.select(self.rows.top() + row);
                let again = self.rows.selected().map(|row| row.id) == before;
                self.follow(run);
                if again { self.open() } else { Answer::Done }
            }
            Action::Open => self.open(),
            Action::Sort | Action::Reverse => Answer::Say("events are in the order of time".to_owned()),
            _ => Answer::Ignored,
        }
    }

    fn settle(&mut self, run: &OpenRun, _theme: Theme, _area: Rect) {
        if self.rows.filter() != self.filter {
            self.filter = self.rows.filter().to_owned();
            self.around = None;
        }
        if self.around != Some(run.cursor) {
            self.around = Some(run.cursor);
            self.ask(Asked::Around, EventsRequest::Around(run.place(), self.rows.filter_terms()));
        } else if self.asked.is_none() && !self.failed {
            self.read_ahead();
        }
    }

    fn woken(&mut self, run: &mut OpenRun) {
        let Some(worker) = &mut self.worker else { return };
        let answers: Vec<_> = worker.answers().collect();
        for answer in answers {
            match answer {
                Ok(answer) => self.accept(run, answer),
                Err(why) => (self.asked, self.failed, self.said) = (None, true, Some(why)),
            }
        }
    }

    fn listing(&self) -> Option<&Listing> {
        Some(&self.rows)
    }

    fn listing_mut(&mut self) -> Option<&mut Listing> {
        Some(&mut self.rows)
    }

    #[cfg(test)]
    fn is_waiting(&self) -> bool {
        self.asked.is_some()
    }

    fn rows(&self, _run: &OpenRun, area: Rect) -> Rect {
        Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area }
    }
}

impl EventsView {
    fn headline(&self, run: &OpenRun, theme: Theme) -> Line<'static> {
        let mut spans = vec![
            Span::raw(" events around "),
            Span::styled(format!("{} s", exact(run.cursor)), theme.strong()),
            Span::raw(format!(" of {}", run.timeline.end)),
        ];
        if run.trace.is_none() {
            spans = vec![Span::styled(" the trace is not at hand", theme.faint())];
        } else if !self.filter.is_empty() {
            spans.push(Span::raw(format!(", with {}", Text::new(self.filter.as_str()))));
        }
        Line::from(spans)
    }

    fn state(&self, theme: Theme) -> Line<'static> {
        let time = self.worker.as_ref().map_or(0, Worker::so_far);
        let so_far = if time > 0 { format!(" {}", Nanos(time)) } else { String::new() };
        match (&self.asked, &self.said) {
            (Some(Asked::Search(text)), _) => Line::styled(
                format!("searching {}…{so_far}, Esc gives up ", Text::new(text.as_str())),
                theme.strong(),
            ),
            (Some(_), _) => Line::styled(format!("reading…{so_far} "), theme.faint()),
            (None, Some(said)) => Line::styled(format!("{said} "), theme.strong()),
            (None, None) => Line::raw(""),
        }
    }

    fn scroll(&mut self, run: &mut OpenRun, scroll: Scroll) -> Answer {
        self.rows.scroll(scroll);
        self.follow(run);
        Answer::Done
    }

    /// The cursor goes to the selected event.
    fn follow(&mut self, run: &mut OpenRun) {
        let selected = self.rows.selected().and_then(|row| self.window.entry(row.id));
        if let Some(entry) = selected {
            run.visit_place(entry.place);
            self.around = Some(run.cursor);
            self.said = None;
        }
    }

    fn go_to(&mut self, run: &mut OpenRun, place: EventPlace) -> Answer {
        run.visit_place(place);
        self.said = None;
        self.around = Some(run.cursor);
        self.ask(Asked::There, EventsRequest::Around(place, self.rows.filter_terms()));
        Answer::Done
    }

    fn search(&mut self, run: &OpenRun, side: Side) -> Answer {
        let selected = self.rows.selected().and_then(|row| self.window.entry(row.id));
        let place = selected.map_or(EventPlace::at(run.cursor), |entry| entry.place);
        let text = run.search.clone();
        self.said = None;
        self.ask(
            Asked::Search(text.clone()),
            EventsRequest::Find(side, text, place, self.rows.filter_terms()),
        );
        Answer::Done
    }

    fn open(&self) -> Answer {
        let Some(entry) = self.rows.selected().and_then(|row| self.window.entry(row.id)) else {
            return Answer::Ignored;
        };
        let Some(address) = entry.line.address else {
            return Answer::Say(
                "this event is about no address; only blocks and segments are on the map".to_owned(),
            );
        };
        let goal = Goal { heap: entry.line.heap.clone(), ..Goal::at(page::Page::Map, entry.place.time) };
        Answer::Open(Goal { address: Some(Address(address.0)), ..goal })
    }

    fn ask(&mut self, asked: Asked, request: EventsRequest) {
        let Some(worker) = &mut self.worker else { return };
        (self.asked, self.failed) = (Some(asked), false);
        worker.ask(request);
    }

    /// Has more read where the selected event comes near an end of the window.
    fn read_ahead(&mut self) {
        let Some(row) = self.rows.selected() else { return };
        if let Some((side, place)) = self.window.short_of(row.id) {
            self.ask(Asked::More, EventsRequest::More(side, place, self.rows.filter_terms()));
        }
    }

    fn accept(&mut self, run: &mut OpenRun, answer: reader::EventsAnswer) {
        // What was asked since then is what counts; its answer is on its way.
        match (answer, self.asked.take()) {
            (reader::EventsAnswer::Around(page), Some(Asked::Around)) => self.show(run, page),
            (reader::EventsAnswer::Around(page), Some(Asked::There)) => {
                self.show(run, page);
                self.follow(run);
            }
            (reader::EventsAnswer::More(side, entries), Some(Asked::More)) => {
                self.window.extend(side, entries);
                self.rows.fill(self.window.rows());
            }
            (reader::EventsAnswer::Found(found), Some(Asked::Search(text))) => self.arrive(run, found, &text),
            (_, asked) => self.asked = asked,
        }
    }

    fn show(&mut self, run: &mut OpenRun, page: EventsPage) {
        let selected = self.window.open(page);
        self.rows.fill(self.window.rows());
        if let Some(id) = selected {
            self.rows.select_id(id);
            let entry = self.window.entry(id);
            // Only where the event is of that very instant: a window is opened around any time.
            if let Some(entry) = entry.filter(|entry| entry.place.time == run.cursor) {
                run.visit_place(entry.place);
            }
        }
    }

    fn arrive(&mut self, run: &mut OpenRun, found: SearchResult, text: &str) {
        match found {
            SearchResult::Nothing => {
                self.said = Some(format!("no event further on has {}", Text::new(text)));
            }
            SearchResult::At(page) => {
                self.show(run, page);
                self.follow(run);
            }
        }
    }
}

/// Seconds with every nanosecond.
pub(super) fn exact(time: Nanos) -> String {
    format!("{}.{:09}", time.0 / 1_000_000_000, time.0 % 1_000_000_000)
}

#[cfg(test)]
mod tests;
