//! Messages from the threads around the UI.

use std::sync::Arc;

use memtrace_analysis::{Analysis, Progress, Trace};
use memtrace_import::OpenError;

use super::{
    action::Action,
    keys::Key,
    opening::{Facts, SoFar},
};

/// Messages from the threads around the UI.
#[derive(Debug)]
pub(crate) enum Message {
    /// A key was pressed.
    Key(Key),
    /// The user wants something, with the mouse; or the terminal does.
    Action(Action),
    /// A view's worker has something to show.
    Woken,
    /// The trace is open, and its events are being read.
    Opened(Facts),
    /// The analysis has come this far.
    Progress(Progress),
    /// This was found up to there.
    Found(SoFar),
    /// The trace is analyzed, as far as it is written.
    Analyzed(Box<Analysis>, Arc<Trace>),
    /// The trace that is followed cannot be read any more.
    Lost(OpenError),
    /// There will be no more analyses.
    Read,
    /// Somebody else may have written to the terminal.
    Redraw,
    /// A signal asks the process to end.
    Die(i32),
    /// There is no keyboard any more.
    InputLost,
}
