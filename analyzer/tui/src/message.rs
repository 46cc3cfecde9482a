//! Messages from the threads around the UI.

use std::sync::Arc;

use memtrace_analysis::{Analysis, Progress, Trace};
use memtrace_import::OpenError;

use super::{
    action::Action,
    keys::Key,
    opening::{Facts, FirstFigures},
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
    /// Figures of the part that is read.
    Found(FirstFigures),
    /// The trace is analyzed, as far as it is written.
    Analyzed(Box<Analysis>, Arc<Trace>),
    /// The trace that is followed cannot be read any more.
    Lost(OpenError),
    /// The last analysis is done.
    Read,
    /// The screen must be redrawn: another program may have written to it.
    Redraw,
    /// A signal asks the process to end.
    Die(i32),
    /// The keyboard is gone.
    InputLost,
}
