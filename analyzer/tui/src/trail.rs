//! The way back: what was looked at before something was opened.

use memtrace_analysis::Nanos;

use super::{
    open_run::OpenRun,
    page::Page,
    window::{TimeRange, Window},
};

/// The most places remembered; the oldest is forgotten.
const LONGEST: usize = 64;

/// Places, the last one left on top.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trail(Vec<Visited>);

/// A place that was looked at.
#[derive(Clone, Copy, Debug)]
struct Visited {
    page: Page,
    window: Window,
    cursor: Nanos,
    range: Option<TimeRange>,
    heap: usize,
}

impl Trail {
    /// Remembers this place before another view is opened.
    pub(crate) fn leave(&mut self, page: Page, run: &OpenRun) {
        if self.0.len() == LONGEST {
            self.0.remove(0);
        }
        self.0.push(Visited {
            page,
            window: run.window,
            cursor: run.cursor,
            range: run.range,
            heap: run.heap,
        });
    }

    /// Looks at the last place again; its page. None: nothing was opened.
    pub(crate) fn back(&mut self, run: &mut OpenRun) -> Option<Page> {
        let Visited { page, window, cursor, range, heap } = self.0.pop()?;
        (run.window, run.cursor, run.range, run.heap) = (window, cursor, range, heap);
        Some(page)
    }

    /// The range that was chosen when this was opened.
    pub(crate) fn range(&self) -> Option<TimeRange> {
        self.0.last().and_then(|spot| spot.range)
    }
}
