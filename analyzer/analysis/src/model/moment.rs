//! When and where an event happened.

use memtrace_format::Event;

use crate::Nanos;

/// Where and when an event happened.
#[derive(Clone, Copy, Debug)]
pub struct EventContext {
    /// When.
    pub time: Nanos,
    /// The index of the thread among the trace's threads.
    pub thread: usize,
}

/// An event, and where and when it happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimedEvent {
    pub(crate) now: EventContext,
    pub(crate) event: Event,
}

/// An event of a heap, at which a pass stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Waypoint {
    /// When it happens.
    pub(crate) time: Nanos,
    /// The heap, as the replay numbers them.
    pub(crate) heap: usize,
    /// The event, as the replay counts them.
    pub(crate) event: u64,
}
