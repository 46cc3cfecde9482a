//! The course of a run, at the resolution of a screen: what a chart needs, in memory that does not grow with the trace.

mod counter;
mod pyramid;
mod recorder;

pub use counter::{CounterRecorder, CounterTrack};
pub use pyramid::{Extent, HeapTrack, Pyramid, Series};
pub use recorder::{Recorder, TrackRecorder};

use std::sync::Arc;

use memtrace_format::{Bytes, Tier};

use crate::{
    Nanos, Text,
    report::{LedgerEntry, Stay},
};

/// Everything that happened over time.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// The trace's end.
    pub end: Nanos,
    /// One track a heap, in the order of the report's heaps.
    pub heaps: Vec<HeapTrack>,
    /// How many of the report's heaps have no track, because there are too many.
    pub heaps_left_out: u64,
    /// One track a module, in the order of the report's modules.
    pub modules: Vec<ModuleTrack>,
    /// What device memory was made of, one track a device.
    pub ledgers: Vec<LedgerTrack>,
    /// What was sampled, one track a counter; the first ones, where there are too many.
    pub counters: Vec<CounterTrack>,
    /// Instants worth a sign on the axis, in the order of time. (Phases are in the report.)
    pub instants: Vec<Sign>,
    /// How many instants are left out, because there are too many.
    pub instants_left_out: u64,
}

/// What the memory of a device was made of.
#[derive(Clone, Debug)]
pub struct LedgerTrack {
    /// The ordinal of the device.
    pub device: u32,
    /// The samples, in the order of time; where there are too many, of each stretch of time the one with the most in use.
    pub entries: Vec<LedgerEntry>,
}

/// Where a module was.
#[derive(Clone, Debug)]
pub struct ModuleTrack {
    /// Its number, as in the report.
    pub id: u32,
    /// Its name with its parents'.
    pub name: Text,
    /// The number of the module that it is a part of.
    pub parent: Option<u32>,
    /// Where it was, in the order of time.
    pub stays: Arc<[Stay]>,
    /// Whether the stays are those of the module that contains it.
    pub inherited: bool,
    /// Whether short stays are merged into others.
    pub thinned: bool,
    /// When its forwards began, in the order of time.
    pub forwards: Arc<[Tick]>,
    /// Its moves, the longest of them, in the order of time.
    pub moves: Arc<[Move]>,
    /// How many moves there were besides.
    pub moves_left_out: u64,
}

/// Forwards that began within a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// The first instant of it.
    pub from_ns: Nanos,
    /// The last one.
    pub to_ns: Nanos,
    /// How many.
    pub count: u64,
}

/// A move of a module from one tier to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// Where from.
    pub from: Tier,
    /// Where to.
    pub to: Tier,
    /// When it began.
    pub from_ns: Nanos,
    /// When it ended.
    pub to_ns: Nanos,
    /// What it moved.
    pub bytes: Bytes,
}

/// Something that happened at an instant, worth a sign.
#[derive(Clone, Debug)]
pub struct Sign {
    /// When.
    pub time: Nanos,
    /// What.
    pub what: Happening,
}

/// What happened at an instant.
#[derive(Clone, Debug)]
pub enum Happening {
    /// The program set a mark.
    Mark {
        /// Its name.
        name: Text,
        /// A number of the program's own.
        value: u64,
    },
    /// A request failed.
    OutOfMemory {
        /// The heap that was asked.
        heap: Text,
        /// What was asked for.
        requested: Bytes,
    },
    /// A swap ended: `time` is when the module that was brought in had arrived.
    Swap {
        /// The module that was brought in.
        module: Text,
        /// The modules that went out for it.
        evicted: Vec<Text>,
        /// When the first eviction began.
        began: Nanos,
        /// What both ways moved.
        bytes: Bytes,
        /// The durations of the transfers.
        took: Nanos,
    },
}
