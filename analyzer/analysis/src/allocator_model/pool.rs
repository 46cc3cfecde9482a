//! The pools of the model. Free memory of a pool serves the requesters of that pool alone.

use std::collections::BTreeSet;

use super::{BlockId, Class};

/// A place in the list of pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PoolIndex(pub(super) u32);

/// Who asks: memory that one of them frees serves only the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Requester {
    /// A memory pool, as of a CUDA graph; 0 for the one that is there by default.
    pub(crate) arena: u32,
    pub(crate) stream: u64,
}

/// A pool: a requester's memory for requests of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PoolKey {
    pub(crate) requester: Requester,
    pub(crate) class: Class,
}

/// What a pool has that nobody uses.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub(super) key: PoolKey,
    pub(super) free: BTreeSet<Fit>,
    /// Addresses without memory, lowest first.
    pub(super) unmapped: BTreeSet<(u64, BlockId)>,
    /// How often it was asked.
    pub(super) asked: u64,
}

/// A free block, ordered the way it is looked for: the smallest that fits, of those the lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fit {
    pub(super) size: u64,
    pub(super) address: u64,
    pub(super) id: BlockId,
}

impl Pool {
    pub(super) fn new(key: PoolKey) -> Self {
        Self { key, free: BTreeSet::new(), unmapped: BTreeSet::new(), asked: 0 }
    }

    /// The free blocks of at least this size, the smallest first.
    pub(super) fn fitting(&self, size: u64) -> impl Iterator<Item = Fit> + '_ {
        self.free.range(Fit { size, address: 0, id: BlockId::default() }..).copied()
    }

    /// The free block of exactly this size at this address.
    pub(super) fn at(&self, address: u64, size: u64) -> Option<Fit> {
        let least = Fit { size, address, id: BlockId::default() };
        self.free.range(least..).next().copied().filter(|fit| (fit.address, fit.size) == (address, size))
    }
}
