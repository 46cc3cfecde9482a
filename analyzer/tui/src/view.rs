//! The interface between a view and the frame around it.

use std::fmt::Debug;

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
};

use super::{
    action::{Action, Side},
    goal::Goal,
    keys::Binding,
    listing::Listing,
    open_run::OpenRun,
    theme::Theme,
};

/// A view: what one tab shows. Everything but [`draw`](Self::draw) has a default, with which the frame does what every
/// view does alike.
pub(crate) trait View: Debug {
    /// Called with a new run or range: the view rebuilds what it makes from [`OpenRun::figures`] and the timeline.
    fn prepare(&mut self, run: &OpenRun) {
        let _ = run;
    }

    /// Draws the view. Called for every frame, so nothing here may take time that grows with the trace: what does is made
    /// in [`prepare`](Self::prepare), in [`settle`](Self::settle) when what it depends on has changed, or by a worker.
    fn draw(&self, run: &OpenRun, theme: Theme, area: Rect, buffer: &mut Buffer);

    /// Does what the user wants, if this view does it in a way of its own.
    fn update(&mut self, run: &mut OpenRun, action: Action, area: Rect) -> Answer {
        let _ = (run, action, area);
        Answer::Ignored
    }

    /// Called after every action, before the view is drawn, with the area that it will be drawn in: the place to clamp
    /// what is scrolled, and to ask a worker for what is at the cursor when the cursor has moved.
    fn settle(&mut self, run: &OpenRun, theme: Theme, area: Rect) {
        let _ = (run, theme, area);
    }

    /// A worker of some view has called [`Wake::wake`](super::wake::Wake::wake): the place to take what it made.
    fn woken(&mut self, run: &mut OpenRun) {
        let _ = run;
    }

    /// The view is opened to show this.
    fn visit(&mut self, run: &mut OpenRun, goal: &Goal) {
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

    /// Goes to the next place with this text on that side of what is shown, around the end. False: there is none. For views
    /// that show text beside their rows.
    fn find(&mut self, run: &OpenRun, text: &str, side: Side, area: Rect) -> bool {
        let _ = (run, area);
        self.listing_mut().is_some_and(|rows| rows.find(text, side))
    }

    /// Returns true while a worker has not answered.
    #[cfg(test)]
    fn is_waiting(&self) -> bool {
        false
    }

    /// Returns the area in which the rows of the listing are drawn, one a line from the top: the mouse selects them there,
    /// and the selected row is kept on the screen. Not called without a listing.
    fn rows(&self, run: &OpenRun, area: Rect) -> Rect {
        let _ = run;
        area
    }

    /// The row under the mouse, by its place among those that are shown. For a view whose rows are not one a line.
    fn row_at(&self, run: &OpenRun, area: Rect, position: Position) -> Option<usize> {
        let rows = self.rows(run, area);
        let place = self.listing()?.top() + usize::from(position.y.checked_sub(rows.y)?);
        rows.contains(position).then_some(place)
    }

    /// Returns the area in which time is drawn: each column is an instant of [`OpenRun::window`]. The mouse zooms, sets the
    /// cursor and drags ranges there, and the cursor moves by its columns. None: the view has no time axis.
    fn plot(&self, run: &OpenRun, area: Rect) -> Option<Rect> {
        let _ = (run, area);
        None
    }

    /// The keys that mean something in this view only; their actions are [`Action::Own`].
    fn keys(&self) -> &'static [Binding] {
        &[]
    }
}

/// The answer of a view to an action.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// The view has no way of its own: the frame does what it does in every view.
    Ignored,
    /// The view has done it.
    Done,
    /// The view has done it and has a message for the foot of the screen.
    Say(String),
    /// Another view is to be opened. [`Action::Back`] returns.
    Open(Goal),
}
