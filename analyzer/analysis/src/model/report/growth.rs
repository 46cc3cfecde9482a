//! Growth: the memory that each repeating cycle retains.

use memtrace_format::Bytes;
use serde::Serialize;

use crate::{Nanos, Text};

/// What grew, and over what.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Growth {
    /// How slopes and confidences are found.
    pub method: &'static str,
    /// What repeated: what grows first, then what ends most often.
    pub cycles: Vec<Cycle>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycles_why: Option<Text>,
    /// How many names are left out, because there are too many.
    pub cycles_left_out: u64,
    /// Weights that were in memory more than once.
    pub duplicates: Vec<Duplicate>,
    /// Why nothing is known of such.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicates_why: Option<&'static str>,
    /// What heaps kept reserved and did not use any more; the worst of each heap.
    pub idle: Vec<Idle>,
}

/// Something that repeated, and what was kept each time. Its figures are those of all heaps together.
#[derive(Clone, Debug, Serialize)]
pub struct Cycle {
    /// Its name.
    pub name: Text,
    /// What it is.
    pub source: CycleSource,
    /// How often it ended.
    pub count: u64,
    /// Its first end.
    pub first_ns: Nanos,
    /// Its last end.
    pub last_ns: Nanos,
    /// The scope that holds all of it, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inside: Option<Text>,
    /// All heaps together.
    #[serde(flatten)]
    pub trend: Trend,
    /// What was kept a cycle, by module, the most first.
    pub by_module: Vec<Retained>,
    /// By scope.
    pub by_scope: Vec<Retained>,
    /// By stack: the innermost frames.
    pub by_stack: Vec<Retained>,
    /// Why owners are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_module_why: Option<&'static str>,
    /// The heaps, one by one.
    pub heaps: Vec<CycleHeap>,
}

/// What a cycle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CycleSource {
    /// A phase that ended again.
    Phase,
    /// A scope that ended again.
    Scope,
    /// A mark that was set again.
    Mark,
    /// A module that was defined again.
    Definition,
    /// A module that was brought to a device again.
    Load,
    /// A forward that is inside no other, and ended again; told of where the program itself names nothing that repeats.
    Forward,
}

impl CycleSource {
    /// The word that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Phase => "phase",
            Self::Scope => "scope",
            Self::Mark => "mark",
            Self::Definition => "definition",
            Self::Load => "load",
            Self::Forward => "forward",
        }
    }
}

/// How what is held at the ends of a cycle changes from one to the next.
#[derive(Clone, Debug, Serialize)]
pub struct Trend {
    /// What it comes to.
    pub shape: Shape,
    /// What was kept a cycle: from the end of warming up to the last end, divided by the cycles between.
    pub retained_bytes_per_cycle: Option<i64>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retained_bytes_per_cycle_why: Option<&'static str>,
    /// The median of the slopes between all pairs of ends (Theil and Sen), in bytes a cycle.
    pub slope_bytes: Option<f64>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slope_bytes_why: Option<&'static str>,
    /// The lower end of the interval that holds the slope with 95%.
    pub slope_low_bytes: Option<f64>,
    /// The upper end.
    pub slope_high_bytes: Option<f64>,
    /// How sure it is that it grows at all: 1 − p of the one-sided test of Mann and Kendall.
    pub confidence: Option<f64>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence_why: Option<&'static str>,
    /// The first ends, which are left out, for caches fill in them.
    pub warm_up_cycles: u64,
    /// What was kept from the end of warming up to the last end.
    pub kept_bytes: i64,
}

/// What a course comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// It grows and does not stop: a leak.
    Grows,
    /// It grows while something larger runs, and is given back with that.
    GivenBack,
    /// It grew and does not any more: a cache that is full.
    Saturates,
    /// It is different at every end, and does not tell.
    Unclear,
    /// It shrinks.
    Shrinks,
    /// It is the same at every end.
    Flat,
    /// It repeated in one part of the run alone, such as loading: no cycle of the program.
    Over,
    /// It ended too seldom to tell.
    TooFew,
}

impl Shape {
    /// The words that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grows => "grows",
            Self::GivenBack => "given back",
            Self::Saturates => "saturates",
            Self::Unclear => "unclear",
            Self::Shrinks => "shrinks",
            Self::Flat => "flat",
            Self::Over => "over",
            Self::TooFew => "too few",
        }
    }
}

/// A heap over the ends of a cycle.
#[derive(Clone, Debug, Serialize)]
pub struct CycleHeap {
    /// Its name.
    pub heap: Text,
    /// The ordinal of its device; none for host memory.
    pub device: Option<u32>,
    /// How what it holds changes.
    #[serde(flatten)]
    pub trend: Trend,
    /// What was kept a cycle, by module, the most first.
    pub by_module: Vec<Retained>,
    /// By scope.
    pub by_scope: Vec<Retained>,
    /// By stack: the innermost frames.
    pub by_stack: Vec<Retained>,
    /// What it held at the ends: all of them, or evenly many and the last.
    pub levels: Vec<LevelAt>,
    /// What is left of each cycle's blocks, in the order of time: at the last end if it grows, else at the end of the trace.
    pub survivors: Vec<Survivors>,
}

/// What one owner keeps a cycle.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Retained {
    /// The owner, or `(none)`.
    pub name: Text,
    /// What it keeps a cycle, after warming up.
    pub bytes: i64,
    /// What it had at the last end that was looked at.
    pub held_bytes: Bytes,
    /// The share of the looks at which it had more than at the one before.
    pub grew_in: f64,
}

/// What a heap held at an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LevelAt {
    /// Which end, from 1.
    pub cycle: u64,
    /// When.
    pub time_ns: Nanos,
    /// What it held.
    pub bytes: Bytes,
}

/// What is left of the blocks that were handed out in some cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Survivors {
    /// The first of the cycles, from 1: what ends with that end.
    pub first_cycle: u64,
    /// The last of them.
    pub last_cycle: u64,
    /// The bytes.
    pub bytes: Bytes,
    /// The blocks.
    pub blocks: u64,
}

/// Weights that were in memory more than once at a time.
#[derive(Clone, Debug, Serialize)]
pub struct Duplicate {
    /// What tells them from others, in hexadecimal.
    pub fingerprint: String,
    /// The modules that hold them.
    pub names: Vec<Text>,
    /// The size of the weights, once.
    pub bytes: Bytes,
    /// What could have been saved: that, times all but one of the most that were in memory at once.
    pub wasted_bytes: Bytes,
    /// When the second came into memory.
    pub from_ns: Nanos,
    /// Until when there were two.
    pub to_ns: Nanos,
    /// For how long there were two.
    pub together_ns: Nanos,
}

/// What a heap kept reserved and never used again.
#[derive(Clone, Debug, Serialize)]
pub struct Idle {
    /// The heap.
    pub heap: Text,
    /// The bytes.
    pub bytes: Bytes,
    /// Since when.
    pub from_ns: Nanos,
    /// Until when: it was given back, or the trace ended.
    pub to_ns: Nanos,
    /// The most that was reserved in that time.
    pub reserved_bytes: Bytes,
}
