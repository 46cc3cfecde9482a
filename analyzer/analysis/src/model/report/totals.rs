//! An allocator's own sums, beside those of its events.

use memtrace_format::Bytes;
use serde::Serialize;

use crate::Nanos;

/// What a heap's allocator says that it has handed out, beside what its events add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AllocatorTotals {
    /// How often it was recorded.
    pub samples: u64,
    /// How often both differed.
    pub differing: u64,
    /// The most samples in a row in which they did.
    pub longest_row: u64,
    /// The longest time in which all samples differed.
    pub longest_ns: Nanos,
    /// Whether several threads recorded it: then they may differ in passing, for a sum and its event may be in another order than
    /// another thread's.
    pub several_threads: bool,
    /// The first sample.
    pub first: TotalsAt,
    /// The sample in which they differed most.
    pub worst: TotalsAt,
    /// The last sample.
    pub last: TotalsAt,
}

/// Both sides at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TotalsAt {
    /// When.
    pub time_ns: Nanos,
    /// What the allocator says.
    pub told_bytes: Bytes,
    /// What its events add up to.
    pub added_up_bytes: Bytes,
}

impl TotalsAt {
    /// By how much both sides differ.
    pub fn difference(&self) -> Bytes {
        Bytes(self.told_bytes.0.abs_diff(self.added_up_bytes.0))
    }
}
