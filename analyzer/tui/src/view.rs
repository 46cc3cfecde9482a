//! What a view is to the frame around it.

use std::fmt::Debug;

use memtrace_analysis::{Nanos, Text, report::Place};
use memtrace_format::Address;
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
};

use super::{action::Action, keys::Binding, listing::Listing, page::Page, run::Run, theme::Theme};

/// A view: what one tab shows. Everything but [`draw`](Self::draw) has a default, with which the frame does what every
/// view does alike.
pub(crate) trait View: Debug {
    /// There is a run, or another part of it to tell of: what is made from [`Run::figures`] and the timeline is made anew.
    fn prepare(&mut self, run: &Run) {
        let _ = run;
    }

    /// Draws the view. Called for every frame, so nothing here may take time that grows with the trace: what does is made
    /// in [`prepare`](Self::prepare), in [`settle`](Self::settle) when what it depends on has changed, or by a worker.
    fn draw(&self, run: &Run, theme: Theme, area: Rect, buffer: &mut Buffer);

    /// Does what the user wants, if this view does it in a way of its own.
    fn update(&mut self, run: &mut Run, action: Action, area: Rect) -> Answer {
        let _ = (run, action, area);
        Answer::Ignored
    }

    /// Called after every action, before the view is drawn, with the area that it will be drawn in: the place to clamp
    /// what is scrolled, and to ask a worker for what is at the cursor when the cursor has moved.
    fn settle(&mut self, run: &Run, theme: Theme, area: Rect) {
        let _ = (run, theme, area);
    }

    /// A worker of some view has called [`Wake::wake`](super::wake::Wake::wake): the place to take what it made.
    fn woken(&mut self, run: &mut Run) {
        let _ = run;
    }

    /// The view is opened to show this.
    fn visit(&mut self, run: &mut Run, goal: &Goal) {
        let _ = (run, goal);
    }

    /// Its rows as data, if it has rows: search, filter, sort, fold and copy are done with them.
    fn listing(&self) -> Option<&Listing> {
        None
    }

    /// The same, to change.
    fn listing_mut(&mut self) -> Option<&mut Listing> {
        None
    }

    /// Whether a worker has not answered yet.
    #[cfg(test)]
    fn is_waiting(&self) -> bool {
        false
    }

    /// Where the rows of the listing are drawn, one a line from the top: the mouse selects them there, and the selected
    /// row is kept on the screen. Not asked for without a listing.
    fn rows(&self, run: &Run, area: Rect) -> Rect {
        let _ = run;
        area
    }

    /// The row under the mouse, by its place among those that are shown. For a view whose rows are not one a line.
    fn row_at(&self, run: &Run, area: Rect, position: Position) -> Option<usize> {
        let rows = self.rows(run, area);
        let place = self.listing()?.top() + usize::from(position.y.checked_sub(rows.y)?);
        rows.contains(position).then_some(place)
    }

    /// Where time is drawn: each column is an instant of [`Run::window`]. The mouse zooms, sets the cursor and drags
    /// ranges there, and the cursor moves by its columns. None: the view has no time axis.
    fn plot(&self, run: &Run, area: Rect) -> Option<Rect> {
        let _ = (run, area);
        None
    }

    /// The keys that mean something in this view only; their actions are [`Action::Own`].
    fn keys(&self) -> &'static [Binding] {
        &[]
    }
}

/// What a view answers to an action.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// The view has no way of its own: the frame does what it does in every view.
    Ignored,
    /// It is done.
    Done,
    /// It is done, and this is to be said at the foot of the screen.
    Say(String),
    /// Something is to be shown in another view. [`Action::Back`] leads back.
    Open(Goal),
}

/// What to show, and where.
#[derive(Clone, Debug)]
pub(crate) struct Goal {
    /// In which view.
    pub(crate) page: Page,
    /// When: the cursor is put there.
    pub(crate) time: Option<Nanos>,
    /// Which heap, by name: it is the one looked at.
    pub(crate) heap: Option<Text>,
    /// Which module.
    pub(crate) module: Option<Text>,
    /// Which address.
    pub(crate) address: Option<Address>,
}

impl Goal {
    /// The view, as it is.
    pub(crate) fn page(page: Page) -> Self {
        Self { page, time: None, heap: None, module: None, address: None }
    }

    /// The view, at an instant.
    pub(crate) fn at(page: Page, time: Nanos) -> Self {
        Self { time: Some(time), ..Self::page(page) }
    }

    /// The view, at a place that a finding names.
    pub(crate) fn place(page: Page, place: &Place) -> Self {
        Self {
            time: place.time_ns,
            heap: place.heap.clone(),
            module: place.module.clone(),
            ..Self::page(page)
        }
    }
}
