//! The blocks of all segments, and the neighbours that each is cut from and merged with.

use super::PoolKey;
use crate::quantity::{Address, Bytes};

/// A block's place in [`Blocks`]; reused after the block is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BlockId(usize);

/// A range of a segment, handed out or free.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) pool: PoolKey,
    pub(super) address: Address,
    pub(super) size: Bytes,
    /// What the program asked for; `None` while the block is free.
    pub(super) requested: Option<Bytes>,
    before: Option<BlockId>,
    after: Option<BlockId>,
}

impl BlockId {
    /// Orders before every other, to search from.
    pub(super) const LEAST: BlockId = BlockId(0);
}

impl Block {
    /// Whether nothing was cut from its segment, so that it can go back to the driver.
    pub(super) fn is_whole_segment(&self) -> bool {
        self.before.is_none() && self.after.is_none()
    }
}

/// All blocks there are.
#[derive(Default)]
pub(super) struct Blocks {
    slots: Vec<Option<Block>>,
    vacant: Vec<BlockId>,
}

impl Blocks {
    /// A new segment: one free block.
    pub(super) fn insert_segment(&mut self, pool: PoolKey, address: Address, size: Bytes) -> BlockId {
        self.insert(Block { pool, address, size, requested: None, before: None, after: None })
    }

    pub(super) fn remove(&mut self, id: BlockId) -> Block {
        self.vacant.push(id);
        self.slots[id.0].take().expect("a block is removed once")
    }

    /// Cuts a block after `size` bytes; what is left over is a new, free block behind it.
    pub(super) fn split(&mut self, id: BlockId, size: Bytes) -> BlockId {
        let whole = self[id].clone();
        let rest = self.insert(Block {
            pool: whole.pool,
            address: whole.address.offset(size),
            size: whole.size - size,
            requested: None,
            before: Some(id),
            after: whole.after,
        });
        if let Some(after) = whole.after {
            self[after].before = Some(rest);
        }
        self[id].size = size;
        self[id].after = Some(rest);
        rest
    }

    /// The neighbour before a block, if it is free.
    pub(super) fn free_before(&self, id: BlockId) -> Option<BlockId> {
        self[id].before.filter(|before| self[*before].requested.is_none())
    }

    /// The neighbour after a block, if it is free.
    pub(super) fn free_after(&self, id: BlockId) -> Option<BlockId> {
        self[id].after.filter(|after| self[*after].requested.is_none())
    }

    /// Adds the block after `id` to it.
    pub(super) fn absorb_after(&mut self, id: BlockId) {
        if let Some(absorbed) = self[id].after {
            let gone = self.remove(absorbed);
            self[id].size += gone.size;
            self[id].after = gone.after;
            if let Some(after) = gone.after {
                self[after].before = Some(id);
            }
        }
    }

    fn insert(&mut self, block: Block) -> BlockId {
        match self.vacant.pop() {
            Some(id) => {
                self.slots[id.0] = Some(block);
                id
            }
            None => {
                self.slots.push(Some(block));
                BlockId(self.slots.len() - 1)
            }
        }
    }
}

impl std::ops::Index<BlockId> for Blocks {
    type Output = Block;
    fn index(&self, id: BlockId) -> &Block {
        self.slots[id.0].as_ref().expect("nobody keeps the id of a removed block")
    }
}

impl std::ops::IndexMut<BlockId> for Blocks {
    fn index_mut(&mut self, id: BlockId) -> &mut Block {
        self.slots[id.0].as_mut().expect("nobody keeps the id of a removed block")
    }
}
