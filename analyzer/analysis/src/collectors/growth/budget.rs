//! The time that all censuses together may take: the file chooses how many names there are, so the budget is ours.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use super::{census::Census, cycle::CycleWatch};
use crate::replay::ReplayHeap;

/// Blocks that may be counted whatever the trace.
const FREE_VISITS: u64 = 1 << 23;

/// Of so many events, one more block may be counted.
const EVENTS_PER_VISIT: u64 = 4;

/// The most owners that all censuses together remember, of 16 bytes each.
const OWNERS: u64 = 1 << 21;

/// What all censuses together have taken.
#[derive(Debug, Default)]
pub(super) struct Budget {
    visits: u64,
    /// The owners in censuses that are still kept.
    owners: Arc<AtomicU64>,
}

impl Budget {
    /// Whether counting all live blocks once more is cheap beside the `events` so far; then it counts as done. What ends for the first
    /// time may never come again: such ends leave half of what is free to others.
    pub(super) fn can_afford(
        &mut self,
        heaps: &[ReplayHeap],
        events: u64,
        is_new: bool,
        cycle: &mut CycleWatch,
    ) -> bool {
        let visits = heaps.iter().map(|heap| heap.state.pieces_to_walk() as u64).sum::<u64>();
        let free = if is_new { FREE_VISITS / 2 } else { FREE_VISITS };
        let affordable = self.visits.saturating_add(visits) <= free + events / EVENTS_PER_VISIT
            && self.owners.load(Relaxed) < OWNERS
            && cycle.can_afford(events, visits);
        self.visits += if affordable { visits } else { 0 };
        affordable
    }

    /// Counts every live block.
    pub(super) fn census(&self, heaps: &[ReplayHeap]) -> Census {
        Census::take(heaps, &self.owners)
    }
}
