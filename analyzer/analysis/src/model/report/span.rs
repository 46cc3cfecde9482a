//! Spans, instants and samples: phases, marks, counters, failed requests.

use memtrace_format::{
    Bytes,
    well_known::{ALLOCATOR_SETTING, IMPORT_NOTE},
};
use serde::Serialize;

use super::{Figures, Monitor};
use crate::{Nanos, Text};

/// One phase.
#[derive(Clone, Debug, Serialize)]
pub struct Phase {
    /// Its name.
    pub name: Text,
    /// The thread it ran on.
    pub thread: Text,
    /// When it began.
    pub from_ns: Nanos,
    /// When it ended, or the trace's end.
    pub to_ns: Nanos,
    /// Whether its end was recorded.
    pub ended: bool,
    /// Every heap that something had happened in until its end.
    pub heaps: Vec<HeapInPhase>,
    /// Why heaps are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heaps_why: Option<&'static str>,
}

/// A heap at the ends of a phase and between them.
#[derive(Clone, Debug, Serialize)]
pub struct HeapInPhase {
    /// The heap.
    pub heap: Text,
    /// How full it was when the phase began.
    pub at_begin: Figures,
    /// How full it was when the phase ended.
    pub at_end: Figures,
    /// The most allocated bytes between the two.
    pub peak_allocated_bytes: Bytes,
    /// The most reserved bytes between the two; none for a heap without segments.
    pub peak_reserved_bytes: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_reserved_bytes_why: Option<&'static str>,
}

/// The marks of one name.
#[derive(Clone, Debug, Serialize)]
pub struct Mark {
    /// Their name.
    pub name: Text,
    /// How many.
    pub count: u64,
    /// When the first was set.
    pub first_ns: Nanos,
    /// When the last was set.
    pub last_ns: Nanos,
}

impl Mark {
    /// Whether it says something of the whole recording, and is no instant in it.
    pub fn is_fact(&self) -> bool {
        let name = self.name.recorded();
        name.starts_with(ALLOCATOR_SETTING) || name.starts_with(IMPORT_NOTE)
    }
}

/// What was sampled.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Samples {
    /// Every counter that was sampled.
    pub counters: Vec<Counter>,
    /// What a monitor of each device would have shown.
    pub monitor: Vec<Monitor>,
    /// What a recorder that samples by itself could not sample.
    pub unavailable: Vec<Unavailable>,
}

/// Something that was not sampled.
#[derive(Clone, Debug, Serialize)]
pub struct Unavailable {
    /// A source, all of whose counters are meant, or a counter.
    pub what: Text,
    /// The ordinal of the device, if other devices may have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<u32>,
    /// Why.
    pub why: Text,
    /// When that was found out; none if it was before the part that is looked at.
    pub since_ns: Option<Nanos>,
}

/// The samples of one counter.
#[derive(Clone, Debug, Serialize)]
pub struct Counter {
    /// Its name.
    pub name: Text,
    /// The ordinal of the device it is about; none for counters of the process or the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<u32>,
    /// `bytes`, `count`, `percent`, `ns`, `bytes/s`, `celsius`, `watts` or `unknown`.
    pub unit: &'static str,
    /// How many samples. In a ring or a part of a trace: of those kept; the last one before them counts in the figures below.
    pub count: u64,
    /// The smallest.
    pub min: CounterNumber,
    /// The largest.
    pub max: CounterNumber,
    /// The last.
    pub last: CounterNumber,
}

/// A sample as it was recorded: a whole number or a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum CounterNumber {
    /// A whole number.
    Integer(u64),
    /// A fraction.
    Float(f64),
}
