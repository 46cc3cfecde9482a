//! The effect of an action on the program.

use super::export::ExportFile;

/// The effect of an action on the program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Effect {
    /// Draw and go on.
    Continue,
    /// Put this on the user's clipboard, draw and go on.
    Copy(String),
    /// Write this file, say what came of it, draw and go on.
    Save(ExportFile),
    /// Stop until the shell continues the process.
    Suspend,
    /// End.
    Quit,
}
