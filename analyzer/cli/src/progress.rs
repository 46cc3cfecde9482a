//! Shows progress on stderr, if that is a terminal.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use memtrace_analysis::Progress;
use memtrace_format::Bytes;
use memtrace_import::Stage;

/// Shorter work than this shows none.
const PATIENCE: Duration = Duration::from_secs(1);
const BETWEEN: Duration = Duration::from_millis(100);

/// Calls of the returned function show how far a replay has come.
pub(crate) fn shown() -> impl FnMut(Progress) {
    of("replaying")
}

/// Calls of the returned function show how far this has come, in bytes.
pub(crate) fn of(what: &str) -> impl FnMut(Progress) {
    let mut line = line();
    move |progress| line(what, progress, &|bytes| format!("{bytes:.1}"))
}

/// Calls of the returned function show how far an import has come.
pub(crate) fn imported() -> impl FnMut(Stage, Progress) {
    let mut line = line();
    move |stage, progress| match stage {
        Stage::Reading => line("importing", progress, &|bytes| format!("{bytes:.1}")),
        Stage::Writing => line("importing events", progress, &|events| events.0.to_string()),
    }
}

fn line() -> impl FnMut(&str, Progress, &dyn Fn(Bytes) -> String) {
    let terminal = io::stderr().is_terminal();
    let began = Instant::now();
    let mut shown: Option<Instant> = None;
    move |what, progress, figure| {
        if !terminal || began.elapsed() < PATIENCE {
            return;
        }
        let mut err = io::stderr().lock();
        // A terminal that went away is no reason to stop.
        if progress.done == progress.total {
            let _ = write!(err, "\r{:60}\r", "");
        } else if shown.is_none_or(|shown| shown.elapsed() >= BETWEEN) {
            shown = Some(Instant::now());
            let percent = progress.done.0 as f64 / progress.total.0.max(1) as f64 * 100.0;
            let (done, total) = (figure(progress.done), figure(progress.total));
            let _ = write!(err, "\r{what} {done} of {total} ({percent:.0}%)  ");
        }
    }
}
