//! The live bytes of every owner at an instant.

use crate::replay::{OwnerId, ReplayHeap};

/// The most owners of a heap that are told apart: those that have the most.
const OWNERS: usize = 1024;

/// The live blocks of the first heaps, by their owners.
#[derive(Debug, Default)]
pub(crate) struct Census {
    /// In the order of the replay's heaps.
    pub(crate) heaps: Vec<HeapCensus>,
}

/// The live blocks of one heap, by their owners.
#[derive(Debug, Default)]
pub(crate) struct HeapCensus {
    pub(crate) owners: Vec<(OwnerId, u64)>,
    /// What the owners have that are not told apart.
    pub(crate) others: u64,
}

impl Census {
    /// Counts every live block.
    pub(crate) fn take(heaps: &[ReplayHeap]) -> Self {
        let mut sums = Vec::new();
        Self { heaps: heaps.iter().map(|heap| HeapCensus::take(heap, &mut sums)).collect() }
    }
}

impl HeapCensus {
    /// `sums` has room for the sums of owners, all zero, and has so again when this returns.
    fn take(heap: &ReplayHeap, sums: &mut Vec<u64>) -> Self {
        let mut owners = Vec::new();
        let state = &heap.state;
        for (_, block) in state.blocks().filter(|(_, block)| state.counts(block)) {
            let bytes = state.bytes_of(&block);
            let index = block.owner.index();
            if index >= sums.len() {
                sums.resize(index + 1, 0);
            }
            if bytes > 0 && sums[index] == 0 {
                owners.push((block.owner, 0));
            }
            sums[index] += bytes;
        }
        for (owner, bytes) in &mut owners {
            *bytes = std::mem::take(&mut sums[owner.index()]);
        }
        let mut others = 0;
        if owners.len() > OWNERS {
            owners.select_nth_unstable_by_key(OWNERS, |&(owner, bytes)| {
                (std::cmp::Reverse(bytes), owner.index())
            });
            others = owners[OWNERS..].iter().map(|(_, bytes)| bytes).sum();
            owners.truncate(OWNERS);
        }
        owners.shrink_to_fit();
        Self { owners, others }
    }
}
