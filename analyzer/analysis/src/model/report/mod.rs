//! The result of an analysis as plain data. Every view (text, JSON, the terminal) shows it and computes nothing.
//!
//! The structures serialize to the JSON that `memtrace analyze --json` prints. A figure that cannot be known is `None`
//! and the field of the same name with `_why` says what is missing.

mod breakdown;
mod device;
mod filtered;
mod finding;
mod fragmentation;
mod growth;
mod heap;
mod info;
mod ledger;
mod module;
mod movement;
mod oom;
mod run;
mod settings;
mod span;
mod state;
mod swaps;
mod totals;

pub use breakdown::{AgeShare, Breakdown, LineShare, Share, SizeShare, StackShare, is_nobody};
pub use device::{DeviceMemory, Monitor, Profile};
pub use finding::{Finding, FindingVerdict, Place, Topic};
pub use fragmentation::{Fragmentation, FragmentationAt, Layout, Pin, PinningBlock, SegmentUse};
pub use growth::{
    Cycle, CycleHeap, CycleSource, Duplicate, Growth, Idle, LevelAt, Retained, Shape, Survivors, Trend,
};
pub use heap::{
    Block, BlockSizes, DistinctPeak, Figures, Heap, Known, Peak, PeakBefore, PeakBy, ReservedPeak,
};
pub use info::{Info, Thread};
pub use ledger::{LedgerEntry, LedgerMoment, LedgerSources, LedgerTrend, Quarter, SampledFrom};
pub use module::{Module, Moved, Stay};
pub use movement::{Bandwidth, ByMemory, Direction, Directions, MovedFor, Transfers};
pub use oom::{Blocker, InVain, JobNeed, ModelAgreement, OutOfMemory, Proof, Remedy, Strategy, Verdict};
pub(crate) use run::CUT;
pub use run::{ChunkCounts, Dropped, Ended, Filtered, Range, TraceInfo};
pub use settings::allocator_settings;
pub use span::{Counter, CounterNumber, HeapInPhase, Mark, Phase, Samples, Unavailable};
pub use state::{HeapContents, State};
pub use swaps::{DeviceBound, LowerBound, ModuleSwaps, OtherSwaps, Swap, Swaps, Thrash};
pub use totals::{AllocatorTotals, TotalsAt};

use memtrace_format::Bytes;
use serde::Serialize;

/// Everything that an analysis found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The version of these keys: 1.
    pub schema_version: u32,
    /// What the trace is and how it ended.
    pub trace: TraceInfo,
    /// What every rule says of the run, the worst first.
    pub findings: Vec<Finding>,
    /// Every heap that something happened in, in the order of their first events.
    pub heaps: Vec<Heap>,
    /// Every module that was defined or that something happened to.
    pub modules: Vec<Module>,
    /// The transfers, taken together.
    pub transfers: Transfers,
    /// What moving modules out for others cost.
    pub swaps: Swaps,
    /// What did not come back, by whatever repeats.
    pub growth: Growth,
    /// How many heaps there were in all. When there were too many, `heaps` has the first.
    pub heaps_total: u64,
    /// The phases, in the order in which they began. When there were too many, the longest.
    pub phases: Vec<Phase>,
    /// How many phases there were in all.
    pub phases_total: u64,
    /// The marks, by name.
    pub marks: Vec<Mark>,
    /// What was sampled.
    pub samples: Samples,
    /// The profile runs, in the order in which they ended.
    pub profile: Vec<Profile>,
    /// What the memory of each device is made of, at the instants that matter: by device, in the order of time.
    pub ledger: Vec<LedgerEntry>,
    /// How that went over the run: one a device that was sampled often enough.
    pub ledger_trends: Vec<LedgerTrend>,
    /// The requests that failed, in the order of time; when there were too many, the first.
    pub ooms: Vec<OutOfMemory>,
    /// How many requests failed in all.
    pub ooms_total: u64,
    /// Why failed requests may be missing: the recording has no events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ooms_why: Option<&'static str>,
}

impl Report {
    /// All of the memory of a heap's device, as far as it was sampled.
    pub fn capacity(&self, heap: &Heap) -> Option<Bytes> {
        let device = heap.device?;
        self.samples.monitor.iter().find(|monitor| monitor.device == device)?.total
    }

    /// Whether anything is known of how memory came to be as it is: an imported recording may show one instant alone.
    pub fn has_history(&self) -> bool {
        let allocates = |heap: &Heap| heap.allocs > 0;
        !self.trace.is_imported()
            || self.transfers.count > 0
            || self.ooms_total > 0
            || self.heaps.iter().any(allocates)
    }

    /// The heap that matters most: of devices' heaps the fullest, if there is one.
    pub fn main_heap(&self) -> Option<usize> {
        let most = self.heaps.iter().enumerate().max_by_key(|(index, heap)| {
            (heap.device.is_some(), heap.peak.by.of(&heap.peak.figures), std::cmp::Reverse(*index))
        });
        most.map(|(index, _)| index)
    }
}
