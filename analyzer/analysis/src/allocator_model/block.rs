//! The blocks of all segments, and the neighbours that each is cut from and merged with.

use std::ops::{Index, IndexMut};

use super::pool::PoolIndex;

/// A block's place in [`Blocks`]; reused after the block is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BlockId(u32);

/// What a block is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Free,
    Used,
    /// Addresses of an expandable segment without memory.
    Unmapped,
}

/// A range of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) pool: PoolIndex,
    pub(super) address: u64,
    pub(super) size: u64,
    pub(super) state: State,
    /// Where its segment starts, if that is an expandable one.
    pub(super) expandable: Option<u64>,
    /// How often its pool had been asked when it became free.
    pub(super) idle_since: u64,
    pub(super) before: Option<BlockId>,
    pub(super) after: Option<BlockId>,
}

/// All blocks there are.
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    slots: Vec<Block>,
    vacant: Vec<BlockId>,
}

impl Block {
    /// Whether it was cut from something larger.
    pub(super) fn is_split(&self) -> bool {
        self.before.is_some() || self.after.is_some()
    }

    pub(super) fn end(&self) -> u64 {
        self.address.saturating_add(self.size)
    }
}

impl Blocks {
    pub(super) fn insert(&mut self, block: Block) -> BlockId {
        match self.vacant.pop() {
            Some(id) => {
                self[id] = block;
                id
            }
            None => {
                self.slots.push(block);
                BlockId(u32::try_from(self.slots.len() - 1).expect("there are fewer blocks than live events"))
            }
        }
    }

    /// Takes a block out; its neighbours are no neighbours of each other.
    pub(super) fn remove(&mut self, id: BlockId) -> Block {
        let block = self[id];
        if let Some(before) = block.before {
            self[before].after = None;
        }
        if let Some(after) = block.after {
            self[after].before = None;
        }
        self.vacant.push(id);
        block
    }

    /// Cuts a block after `size` bytes; what is left over is a new block behind it, in the same state.
    pub(super) fn split(&mut self, id: BlockId, size: u64) -> BlockId {
        let whole = self[id];
        let rest = self.insert(Block {
            address: whole.address.saturating_add(size),
            size: whole.size - size,
            before: Some(id),
            ..whole
        });
        if let Some(after) = whole.after {
            self[after].before = Some(rest);
        }
        self[id].size = size;
        self[id].after = Some(rest);
        rest
    }

    /// The neighbours of a block that are in this state.
    pub(super) fn neighbours(&self, id: BlockId, state: State) -> [Option<BlockId>; 2] {
        [self[id].before, self[id].after].map(|id| id.filter(|&id| self[id].state == state))
    }

    /// Adds the block after `id` to it.
    pub(super) fn absorb_after(&mut self, id: BlockId) {
        let Some(absorbed) = self[id].after else { return };
        let gone = self[absorbed];
        self[id].size += gone.size;
        self[id].after = gone.after;
        if let Some(after) = gone.after {
            self[after].before = Some(id);
        }
        self.vacant.push(absorbed);
    }
}

impl Index<BlockId> for Blocks {
    type Output = Block;
    fn index(&self, id: BlockId) -> &Block {
        &self.slots[id.0 as usize]
    }
}

impl IndexMut<BlockId> for Blocks {
    fn index_mut(&mut self, id: BlockId) -> &mut Block {
        &mut self.slots[id.0 as usize]
    }
}
