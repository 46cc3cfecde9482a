//! The way back: what was looked at before something was opened.

use memtrace_analysis::Nanos;

use super::{
    page::Page,
    run::{Range, Run},
    window::Window,
};

/// More places than this are not led back to: the oldest is forgotten.
const LONGEST: usize = 64;

/// Places, the last one left on top.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trail(Vec<Spot>);

/// What was looked at.
#[derive(Clone, Copy, Debug)]
struct Spot {
    page: Page,
    window: Window,
    cursor: Nanos,
    range: Option<Range>,
    heap: usize,
}

impl Trail {
    /// Something is opened from here.
    pub(crate) fn leave(&mut self, page: Page, run: &Run) {
        if self.0.len() == LONGEST {
            self.0.remove(0);
        }
        self.0.push(Spot { page, window: run.window, cursor: run.cursor, range: run.range, heap: run.heap });
    }

    /// Looks at the last place again; its page. None: nothing was opened.
    pub(crate) fn back(&mut self, run: &mut Run) -> Option<Page> {
        let Spot { page, window, cursor, range, heap } = self.0.pop()?;
        (run.window, run.cursor, run.range, run.heap) = (window, cursor, range, heap);
        Some(page)
    }

    /// The range that was chosen when this was opened.
    pub(crate) fn range(&self) -> Option<Range> {
        self.0.last().and_then(|spot| spot.range)
    }
}
