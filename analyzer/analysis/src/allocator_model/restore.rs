//! An allocator in the state that a recording shows it in.

use super::{
    Allocator, BlockId, PoolKey, Rules,
    block::{Block, State},
};

/// The addresses without memory behind an expandable segment: a recording does not say how many there were.
const BEHIND: u64 = 1 << 44;

/// An allocator on its way into a recorded state: segment by segment in the order of their addresses, and in each its pieces.
#[derive(Debug)]
pub(crate) struct Restored {
    allocator: Allocator,
    /// The pool and the beginning of the segment that pieces are of, and the last of them.
    segment: Option<(PoolKey, Option<u64>, Option<BlockId>)>,
}

impl Restored {
    pub(crate) fn new(rules: Rules, capacity: u64) -> Self {
        Self { allocator: Allocator::new(rules, capacity), segment: None }
    }

    /// Begins a segment. An expandable one goes on where the one before it of the same pool ended, with addresses without
    /// memory between the two.
    pub(crate) fn segment(&mut self, key: PoolKey, start: u64, expandable: bool) {
        if let Some((last_key, Some(base), Some(last))) = self.segment
            && expandable
            && last_key == key
        {
            let gap = start - self.allocator.blocks[last].end();
            if gap > 0 {
                self.segment =
                    Some((key, Some(base), Some(self.piece_at(start - gap, gap, State::Unmapped))));
            }
            return;
        }
        self.end_segment(Some(start));
        self.segment = Some((key, expandable.then_some(start), None));
    }

    /// Adds the next piece of the segment.
    pub(crate) fn piece(&mut self, start: u64, size: u64, used: bool) -> BlockId {
        let state = if used { State::Used } else { State::Free };
        self.allocator.reserved += size;
        self.piece_at(start, size, state)
    }

    pub(crate) fn finish(mut self) -> Allocator {
        self.end_segment(None);
        self.allocator.reserved_peak = self.allocator.reserved;
        self.allocator
    }

    /// Behind an expandable segment are addresses up to the next segment.
    fn end_segment(&mut self, next: Option<u64>) {
        if let Some((_, Some(_), Some(last))) = self.segment {
            let end = self.allocator.blocks[last].end();
            let room = next.map_or(BEHIND, |next| next - end).min(BEHIND).min(u64::MAX - end);
            if room > 0 {
                self.piece_at(end, room, State::Unmapped);
            }
        }
    }

    fn piece_at(&mut self, address: u64, size: u64, state: State) -> BlockId {
        let (key, expandable, before) = self.segment.expect("a piece is of a segment that was begun");
        let pool = self.allocator.pool(key);
        let block = Block { pool, address, size, state, expandable, idle_since: 0, before, after: None };
        let id = self.allocator.blocks.insert(block);
        if let Some(before) = before {
            self.allocator.blocks[before].after = Some(id);
        }
        if state != State::Used {
            self.allocator.keep(id);
        }
        self.segment = Some((key, expandable, Some(id)));
        id
    }
}
