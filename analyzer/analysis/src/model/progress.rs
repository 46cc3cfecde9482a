//! Progress of work on a file.

use memtrace_format::Bytes;

/// How far an analysis has come. What it looks at again, if something deserves that, it tells of anew, from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The bytes of the file that are replayed.
    pub done: Bytes,
    /// The bytes of the file that hold events.
    pub total: Bytes,
}
