//! The place of an event among all events.

use crate::{Nanos, Recorded};

/// An event's place in the order of all events: its time, and how many events of that very time come before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventPlace {
    /// When it happened.
    pub time: Nanos,
    /// How many events happened at the same time, and come before it.
    pub rank: u64,
}

impl EventPlace {
    /// The first event at a time, or after it.
    pub fn at(time: Nanos) -> Self {
        Self { time, rank: 0 }
    }

    /// Behind the last event.
    pub const END: Self = Self { time: Nanos(u64::MAX), rank: u64::MAX };

    /// The place right behind this one.
    pub fn next(self) -> Self {
        Self { rank: self.rank.saturating_add(1), ..self }
    }
}

/// An event and its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// Where it is.
    pub place: EventPlace,
    /// What happened.
    pub recorded: Recorded,
}
