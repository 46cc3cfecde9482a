//! Heaps: how full they were, whose the peak was, how fragmented they got.

use memtrace_format::{Address, Bytes};
use serde::Serialize;

use super::{AgeShare, AllocatorTotals, Breakdown, Fragmentation, LineShare, Share, SizeShare, StackShare};
use crate::{Nanos, Text};

/// One heap.
#[derive(Clone, Debug, Serialize)]
pub struct Heap {
    /// As the engine calls it: `cuda:0`, `host`.
    pub name: Text,
    /// The ordinal of its device; none for host memory.
    pub device: Option<u32>,
    /// Why there is no device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_why: Option<&'static str>,
    /// `device`, `pinned`, `managed`, `host` or `unknown`.
    pub kind: &'static str,
    /// How its figures are known.
    pub known: Known,
    /// Blocks handed out.
    pub allocs: u64,
    /// Blocks given back.
    pub frees: u64,
    /// How block sizes are known.
    pub block_sizes: BlockSizes,
    /// Bytes of blocks that were live before recording began (requested bytes, if the peak is taken on those): as far as an
    /// imported recording tells, and then figures count them; else as far as their frees tell.
    pub baseline_bytes: Bytes,
    /// Whether the figures count them.
    #[serde(skip)]
    pub baseline_counted: bool,
    /// The instant at which the most bytes were allocated.
    pub peak: Peak,
    /// The highest distinct peaks, the highest first, which is the peak itself. Two are distinct if between them a twentieth of
    /// the lower one was gone.
    pub peaks: Vec<DistinctPeak>,
    /// How many distinct peaks there were in all.
    pub peaks_total: u64,
    /// What its allocator says of itself, if it says anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocator: Option<AllocatorTotals>,
    /// In ring mode: the largest sums of the events that were not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_before: Option<PeakBefore>,
    /// The instant at which the most bytes were reserved; none for a heap without segments.
    pub reserved_peak: Option<ReservedPeak>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved_peak_why: Option<&'static str>,
    /// How full it was at the end.
    pub end: Figures,
    /// Blocks that were live at the end.
    pub end_blocks: u64,
    /// How fragmented it was; none for a heap without segments.
    pub fragmentation: Option<Fragmentation>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fragmentation_why: Option<&'static str>,
}

/// How a figure is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Known {
    /// From events alone, none of them missing.
    Exact,
    /// Something was live before recording began, or events are missing.
    Baseline,
    /// From samples.
    Sampled,
}

impl Known {
    /// The word that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Baseline => "baseline",
            Self::Sampled => "sampled",
        }
    }
}

/// How full a heap is at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// What the program asked for.
    pub requested_bytes: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_bytes_why: Option<&'static str>,
    /// What it got, rounding included.
    pub allocated_bytes: Bytes,
    /// `allocated_bytes` and what is freed but still used by a stream.
    pub active_bytes: Bytes,
    /// The segments; none for a heap without segments.
    pub reserved_bytes: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved_bytes_why: Option<&'static str>,
}

/// What a peak was taken on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PeakBy {
    /// Allocated bytes.
    #[default]
    Allocated,
    /// Requested bytes: block sizes are not recorded. A block counts until its free is completed.
    Requested,
}

impl PeakBy {
    /// The word that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allocated => "allocated",
            Self::Requested => "requested",
        }
    }

    /// The sum that the peak was taken on.
    pub fn of(self, figures: &Figures) -> Bytes {
        match self {
            Self::Allocated => figures.allocated_bytes,
            // Peaks are taken on what was asked for where that is told, and the sizes of blocks are not.
            Self::Requested => figures.requested_bytes.unwrap_or_default(),
        }
    }
}

/// How the sizes of a heap's blocks are known, and with them what was allocated, active and free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BlockSizes {
    /// They are recorded.
    Recorded,
    /// From what was asked for and the rules of the allocator.
    Deduced,
}

/// The instant at which the most bytes were allocated, the first if there are several, and who owned them.
#[derive(Clone, Debug, Serialize)]
pub struct Peak {
    /// What it was taken on.
    pub by: PeakBy,
    /// When.
    pub time_ns: Nanos,
    /// The heap's event that made it, counted from 0.
    pub event_index: u64,
    /// How full the heap was.
    #[serde(flatten)]
    pub figures: Figures,
    /// The owners by module, largest first.
    pub by_module: Vec<Share>,
    /// The owners by scope, largest first.
    pub by_scope: Vec<Share>,
    /// The owners by thread, largest first.
    pub by_thread: Vec<Share>,
    /// The owners by the line of the program's own that asked, largest first.
    pub by_line: Vec<LineShare>,
    /// The owners by the stack that asked, largest first.
    pub by_stack: Vec<StackShare>,
    /// By the size of the blocks, smallest first.
    pub by_size: Vec<SizeShare>,
    /// By how long the blocks had been live, youngest first.
    pub by_age: Vec<AgeShare>,
    /// The largest blocks, largest first.
    pub blocks: Vec<Block>,
    /// How many blocks there were in all.
    pub blocks_total: u64,
}

/// A peak that is distinct from those before and behind it.
#[derive(Clone, Debug, Serialize)]
pub struct DistinctPeak {
    /// When.
    pub time_ns: Nanos,
    /// The heap's event that made it, counted from 0.
    pub event_index: u64,
    /// The least that was live between the distinct peak before this one and this one, of the bytes that peaks are taken on.
    pub valley_bytes: Bytes,
    /// How full the heap was.
    #[serde(flatten)]
    pub figures: Figures,
    /// What was live.
    #[serde(flatten)]
    pub breakdown: Breakdown,
    /// Why it is not broken down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breakdown_why: Option<&'static str>,
}

/// A live block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Block {
    /// Where it starts.
    pub address: Address,
    /// How long it is.
    pub bytes: Bytes,
    /// What the program asked for.
    pub requested_bytes: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_bytes_why: Option<&'static str>,
    /// The module that owned it, or `(none)`.
    pub module: Text,
    /// The scopes it was allocated in, or `(none)`.
    pub scope: Text,
    /// The thread that allocated it.
    pub thread: Text,
    /// The frames that led to it, innermost first; empty if none were recorded.
    pub stack: Vec<Text>,
    /// How long it had been live.
    pub age_ns: Nanos,
}

/// The largest sums of bytes before the events that were kept. Whose they were is not known any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PeakBefore {
    /// When the most bytes were allocated.
    pub time_ns: Nanos,
    /// How many.
    pub allocated_bytes: Bytes,
    /// When the most bytes were reserved.
    pub reserved_time_ns: Nanos,
    /// How many.
    pub reserved_bytes: Bytes,
}

/// The instant at which the most bytes were reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ReservedPeak {
    /// When.
    pub time_ns: Nanos,
    /// How many.
    pub bytes: Bytes,
}
