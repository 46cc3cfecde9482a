//! The times at which blocks were allocated that are live at an instant.

use memtrace_format::Bytes;

use crate::{Nanos, replay::ReplayHeap, report::Survivors};

/// The most groups of cycles that survivors are told apart by.
const GROUPS: usize = 64;

/// The live blocks of a heap by when they were handed out.
pub(in crate::report_builder) struct Births {
    /// When each was, in order.
    times: Vec<Nanos>,
    /// The bytes of all before each, and of all.
    sums: Vec<u64>,
}

impl Births {
    pub(in crate::report_builder) fn of(heap: &ReplayHeap) -> Self {
        let state = &heap.state;
        let live = state.blocks().filter(|(_, block)| state.counts(block));
        let mut births: Vec<(Nanos, u64)> =
            live.map(|(_, block)| (block.born, state.bytes_of(&block))).collect();
        births.sort_unstable();
        let mut sums = Vec::with_capacity(births.len() + 1);
        sums.push(0);
        let mut sum = 0_u64;
        sums.extend(births.iter().map(|(_, bytes)| {
            sum = sum.saturating_add(*bytes);
            sum
        }));
        Self { times: births.into_iter().map(|(time, _)| time).collect(), sums }
    }

    /// The bytes and the blocks that were handed out after `from` and not after `to`.
    pub(super) fn between(&self, from: Nanos, to: Nanos) -> (u64, u64) {
        let before = |time: Nanos| self.times.partition_point(|&born| born <= time);
        let (first, last) = (before(from), before(to));
        (self.sums[last].saturating_sub(self.sums[first]), last.saturating_sub(first) as u64)
    }

    /// What is left of each cycle, by when each ended and its number; of neighbouring cycles together where there are too many.
    pub(in crate::report_builder) fn survivors(&self, ends: &[(Nanos, u64)]) -> Vec<Survivors> {
        let mut survivors = Vec::new();
        let mut before = (Nanos(0), 0);
        let mut at_begin = true;
        for group in ends.chunks(ends.len().div_ceil(GROUPS).max(1)) {
            let Some(&last) = group.last() else { continue };
            let (mut bytes, mut blocks) = self.between(before.0, last.0);
            if std::mem::take(&mut at_begin) {
                // What was handed out at the very first instant belongs to the first cycle too.
                let at_zero = self.times.partition_point(|&born| born <= before.0);
                bytes = bytes.saturating_add(self.sums[at_zero]);
                blocks += at_zero as u64;
            }
            survivors.push(Survivors {
                first_cycle: before.1 + 1,
                last_cycle: last.1,
                bytes: Bytes(bytes),
                blocks,
            });
            before = last;
        }
        survivors
    }
}
