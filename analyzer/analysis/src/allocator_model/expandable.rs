//! Expandable segments: addresses that get memory step by step, and lose it again.

use super::{
    Allocator, BlockId,
    block::{Block, State},
    pool::PoolIndex,
};

/// The addresses of an expandable segment, where nothing limits what can be reserved.
const ADDRESSES: u64 = 1 << 44;

impl Allocator {
    /// How large a free block is or could get, if it is the last before addresses without memory.
    pub(super) fn reach(&self, id: BlockId) -> u64 {
        let [_, unmapped] = self.blocks.neighbours(id, State::Unmapped);
        self.blocks[id].size + unmapped.map_or(0, |next| self.blocks[next].size)
    }

    /// A block of at least this size, of the lowest addresses that are together large enough: free ones and ones that get
    /// memory. None: there is not enough memory; what was mapped on the way stays, free.
    pub(super) fn grow(&mut self, pool: PoolIndex, size: u64) -> Option<BlockId> {
        let mut id = self.lowest_room(pool, size)?;
        if self.blocks[id].state == State::Unmapped {
            id = self.map(id, size.min(self.blocks[id].size))?;
        }
        while self.blocks[id].size < size {
            let [_, next] = self.blocks.neighbours(id, State::Unmapped);
            let next = next.expect("what has room is followed by addresses without memory");
            let missing = size - self.blocks[id].size;
            id = self.map(next, missing.min(self.blocks[next].size))?;
        }
        self.forget(id);
        Some(id)
    }

    /// Takes memory away from a free block: all full steps that lie in it.
    pub(super) fn unmap(&mut self, id: BlockId) {
        let block = self.blocks[id];
        let Some(base) = block.expandable else { return };
        let step = self.rules.step(self.pools[block.pool.0 as usize].key.class);
        let Some(from) = (block.address - base).checked_next_multiple_of(step) else { return };
        let (from, to) = (base.saturating_add(from), base + (block.end() - base) / step * step);
        if from >= to {
            return;
        }
        self.forget(id);
        let middle = self.cut_free(id, from, to);
        self.reserved -= self.blocks[middle].size;
        self.settle(middle, State::Unmapped);
    }

    /// The first block of the lowest addresses of the pool that have room for so much. None: no addresses are left.
    fn lowest_room(&mut self, pool: PoolIndex, size: u64) -> Option<BlockId> {
        for &(_, unmapped) in &self.pools[pool.0 as usize].unmapped {
            let [before, _] = self.blocks.neighbours(unmapped, State::Free);
            let first = before.unwrap_or(unmapped);
            let mut room = 0u64;
            let mut next = Some(first);
            while let Some(id) = next.filter(|&id| room < size && self.blocks[id].state != State::Used) {
                room = room.saturating_add(self.blocks[id].size);
                next = self.blocks[id].after;
            }
            if room >= size {
                return Some(first);
            }
        }
        // An eighth more than there is memory, so that its own holes do not use it up.
        let room = self.capacity.saturating_add(self.capacity / 8).clamp(size, ADDRESSES.max(size));
        let step = self.rules.step(self.pools[pool.0 as usize].key.class);
        let room = room.checked_next_multiple_of(step).unwrap_or(room);
        let address = self.fresh_addresses(room)?;
        let id = self.blocks.insert(Block {
            pool,
            address,
            size: room,
            state: State::Unmapped,
            expandable: Some(address),
            idle_since: 0,
            before: None,
            after: None,
        });
        self.keep(id);
        Some(id)
    }

    /// Gives memory to the first `size` addresses of an unmapped block, by the step. Returns the free block they are part of.
    fn map(&mut self, id: BlockId, size: u64) -> Option<BlockId> {
        let block = self.blocks[id];
        let base = block.expandable.unwrap_or(block.address);
        let step = self.rules.step(self.pools[block.pool.0 as usize].key.class);
        let end =
            base.saturating_add((block.address - base).saturating_add(size).checked_next_multiple_of(step)?);
        let mapped = end.min(block.end()) - block.address;
        if !self.fits(mapped) {
            return None;
        }
        self.count_reserved(mapped);
        self.forget(id);
        if mapped < block.size {
            let rest = self.blocks.split(id, mapped);
            self.keep(rest);
        }
        let [before, _] = self.blocks.neighbours(id, State::Free);
        self.settle(id, State::Free);
        Some(before.unwrap_or(id))
    }

    /// Cuts a free block that is in no list so that one piece is just this range; the others are kept.
    fn cut_free(&mut self, id: BlockId, from: u64, to: u64) -> BlockId {
        let mut middle = id;
        if self.blocks[id].address < from {
            middle = self.blocks.split(id, from - self.blocks[id].address);
            self.keep(id);
        }
        if self.blocks[middle].end() > to {
            let rest = self.blocks.split(middle, to - self.blocks[middle].address);
            self.keep(rest);
        }
        middle
    }
}
