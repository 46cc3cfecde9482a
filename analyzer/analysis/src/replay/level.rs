//! The sums of a heap at an instant.

use super::HeapState;

/// The sums of a heap at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) requested: u64,
    pub(crate) allocated: u64,
    pub(crate) active: u64,
    /// Means nothing for a heap without segments.
    pub(crate) reserved: u64,
}

impl Level {
    #[inline(always)]
    pub(crate) fn of(heap: &HeapState) -> Self {
        let totals = heap.totals;
        Self {
            requested: totals.requested,
            allocated: totals.allocated,
            active: totals.active,
            reserved: heap.segments.reserved(),
        }
    }
}
