//! Progress on stderr, for whoever waits at a terminal.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use memtrace_analyzer::Progress;

/// Shorter work than this shows none.
const PATIENCE: Duration = Duration::from_secs(1);
const BETWEEN: Duration = Duration::from_millis(100);

/// Calls of the returned function show how far the work has come.
pub(crate) fn shown() -> impl FnMut(Progress) {
    let terminal = io::stderr().is_terminal();
    let began = Instant::now();
    let mut shown: Option<Instant> = None;
    move |progress| {
        if !terminal || began.elapsed() < PATIENCE {
            return;
        }
        let mut err = io::stderr().lock();
        // A terminal that went away is no reason to stop.
        if progress.done == progress.total {
            let _ = write!(err, "\r{:40}\r", "");
        } else if shown.is_none_or(|shown| shown.elapsed() >= BETWEEN) {
            shown = Some(Instant::now());
            let percent = progress.done.0 as f64 / progress.total.0.max(1) as f64 * 100.0;
            let _ =
                write!(err, "\rreplaying {:.1} of {:.1} ({percent:.0}%)  ", progress.done, progress.total);
        }
    }
}
