//! One device of a trace, or the threads of one name.

/// What to look at. Without anything set: all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Filter {
    /// The device of this ordinal: its heaps, the transfers to and from it, what was sampled of it. What is of no device (scopes,
    /// forwards, marks, the host's samples) stays; other devices' and the host's heaps do not.
    pub device: Option<u32>,
    /// The threads of this name: what they allocated, whoever gave it back, and what they did. Segments and samples are of no
    /// thread.
    pub thread: Option<String>,
}

impl Filter {
    /// Whether it lets everything through.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
