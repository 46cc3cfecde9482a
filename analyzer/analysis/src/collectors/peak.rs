//! The peak of a heap, with every block that was live then, in one pass.
//!
//! Which instant is the peak is known only at the end, and copying the live blocks at each new maximum would cost the square
//! of their number while a heap grows. Instead, two observations: a block that was handed out after the peak was not live
//! at it, and one that is given back after the peak was. So the blocks that leave since the latest maximum are set aside,
//! if they are older than it, and forgotten at the next maximum. At any time, the blocks of the latest maximum are
//! those set aside and those of the still-live ones that are older than it. This costs one comparison an alloc and a copy
//! of a block a free, and never more memory than there were live blocks at the peak.

use super::FragmentationSnapshot;
use crate::{
    Nanos,
    replay::{HeapState, HeldBlock, Level},
};

/// Watches for the peak of allocated bytes, or of requested bytes where block sizes are not recorded.
#[derive(Clone, Debug)]
pub(crate) struct PeakWatch {
    pub(crate) time: Nanos,
    /// The heap's event that made the peak.
    pub(crate) event: u64,
    pub(crate) level: Level,
    /// The sum that is the largest so far.
    measured: u64,
    pub(crate) fragmentation: FragmentationSnapshot,
    /// Blocks that were live at the peak and have left since.
    departed: Vec<(u64, HeldBlock)>,
}

impl PeakWatch {
    /// A heap is empty before its first event, which happens at `time`.
    pub(crate) fn new(time: Nanos) -> Self {
        Self {
            time,
            event: 0,
            level: Level::default(),
            measured: 0,
            fragmentation: FragmentationSnapshot { time, ..FragmentationSnapshot::default() },
            departed: Vec::new(),
        }
    }

    /// A heap is as full as it is at `time`, and the last event that made it so has the number `event`.
    pub(crate) fn at(time: Nanos, event: u64, heap: &mut HeapState) -> Self {
        let fragmentation = FragmentationSnapshot::of(time, heap);
        let (level, measured) = (Level::of(heap), heap.measured());
        Self { time, event, level, measured, fragmentation, departed: Vec::new() }
    }

    /// The largest sum so far.
    pub(crate) fn measured(&self) -> u64 {
        self.measured
    }

    /// The heap's event number `event` has handed out a block.
    #[inline]
    pub(crate) fn grown(&mut self, time: Nanos, event: u64, heap: &mut HeapState) {
        if heap.measured() > self.measured {
            self.measured = heap.measured();
            self.time = time;
            self.event = event;
            self.level = Level::of(heap);
            self.fragmentation = FragmentationSnapshot::of(time, heap);
            self.departed.clear();
        }
    }

    /// A block is no longer allocated.
    #[inline]
    pub(crate) fn left(&mut self, address: u64, block: HeldBlock) {
        if block.event <= self.event {
            self.departed.push((address, block));
        }
    }

    /// Lets go of what was set aside: the blocks of the peak are told.
    pub(crate) fn forget_blocks(&mut self) {
        self.departed = Vec::new();
    }

    /// The blocks that were live at the peak, in no order.
    pub(crate) fn blocks<'a>(&'a self, heap: &'a HeapState) -> impl Iterator<Item = (u64, HeldBlock)> {
        let live = heap.blocks().filter(|(_, block)| heap.counts(block) && block.event <= self.event);
        self.departed.iter().copied().chain(live)
    }
}
