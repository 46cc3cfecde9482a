//! A run, with every view of it and the way through them.

use memtrace_analysis::Nanos;

use super::{open_run::OpenRun, page::Page, trail::Trail, view::View};

/// A run, with every view of it.
#[derive(Debug)]
pub(crate) struct Ready {
    /// The run, and what of it is looked at.
    pub(crate) run: OpenRun,
    /// The views, in the order of the table.
    pub(crate) views: Vec<Box<dyn View>>,
    /// The places that [`Action::Back`](super::action::Action::Back) returns to.
    pub(crate) trail: Trail,
    /// The start of a range that is being chosen.
    pub(crate) anchor: Option<Nanos>,
}

impl Ready {
    /// The view of a page.
    pub(crate) fn view(&self, page: Page) -> &dyn View {
        self.views[page.index()].as_ref()
    }

    /// The view of a page, to change, and the run.
    pub(crate) fn parts(&mut self, page: Page) -> (&mut dyn View, &mut OpenRun) {
        (self.views[page.index()].as_mut(), &mut self.run)
    }
}
