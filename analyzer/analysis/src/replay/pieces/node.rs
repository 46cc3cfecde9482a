//! One piece: a cache line.

use super::super::{HeldBlock, OwnerId};
use crate::Nanos;

/// A piece's place in the list of [`Pieces`](super::Pieces).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::replay) struct PieceId(pub(in super::super) u32);

impl PieceId {
    pub(in crate::replay) const NONE: Self = Self(0);
}

#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(in crate::replay) struct Node {
    pub(in crate::replay) start: u64,
    pub(in crate::replay) size: u64,
    pub(super) requested: u64,
    pub(super) born: Nanos,
    pub(super) event: u64,
    /// The size under which [`Largest`](crate::replay::largest::Largest) knows it.
    pub(in crate::replay) noted: u64,
    pub(super) owner: OwnerId,
    pub(super) prev: PieceId,
    pub(super) next: PieceId,
    pub(in crate::replay) what: What,
    pub(super) pending: bool,
}

const _: () = assert!(size_of::<Node>() == 64);

/// What a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::replay) enum What {
    Vacant,
    /// The two ends of a segment: behind its last piece, before its first.
    Border,
    Hole,
    /// A block in a segment, in what was a hole.
    Placed,
    /// Another block.
    Loose,
}

impl Node {
    pub(super) fn new(start: u64, size: u64, what: What) -> Self {
        Self {
            start,
            size,
            requested: 0,
            born: Nanos(0),
            event: 0,
            noted: 0,
            owner: OwnerId::default(),
            prev: PieceId::NONE,
            next: PieceId::NONE,
            what,
            pending: false,
        }
    }

    #[inline(always)]
    pub(super) fn fill(&mut self, what: What, block: HeldBlock) {
        let HeldBlock { size, requested, born, event, owner, pending, placed: _ } = block;
        (self.size, self.requested, self.born, self.event) = (size, requested, born, event);
        (self.owner, self.pending, self.what) = (owner, pending, what);
    }

    #[inline(always)]
    pub(in crate::replay) fn end(&self) -> u64 {
        self.start + self.size
    }

    #[inline(always)]
    pub(in crate::replay) fn is_block(&self) -> bool {
        matches!(self.what, What::Placed | What::Loose)
    }

    pub(super) fn is_in_segment(&self) -> bool {
        matches!(self.what, What::Placed | What::Hole)
    }

    #[inline(always)]
    pub(in crate::replay) fn block(&self) -> HeldBlock {
        let &Self { size, requested, born, event, owner, pending, .. } = self;
        HeldBlock { size, requested, born, event, owner, pending, placed: self.what == What::Placed }
    }
}
