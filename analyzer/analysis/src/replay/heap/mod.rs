//! One heap: its live blocks, its segments, its totals.

use memtrace_format::{BlockAlloc, BlockFree, Segment};

use super::{
    OwnerId,
    pieces::{PieceId, Pieces},
    segments::Segments,
};
use crate::{Nanos, report::PeakBy};

/// What a heap looks like at an instant.
#[derive(Clone, Debug, Default)]
pub struct HeapState {
    contents: Pieces,
    /// Its segments.
    pub segments: Segments,
    /// Its sums.
    pub totals: Totals,
    /// Whether the engine reports segments of it.
    pub segmented: bool,
    /// Whether its events leave open what was asked for: then all that is said of requests means nothing.
    pub requests_untold: bool,
    /// What its peak is taken on.
    pub(crate) by: PeakBy,
    split: bool,
}

/// Sums over blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// What was asked for.
    pub requested: u64,
    /// What was handed out and not given back.
    pub allocated: u64,
    /// Allocated, and freed but not completed.
    pub active: u64,
}

/// A block that was handed out and is not yet wholly back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldBlock {
    /// Its bytes.
    pub size: u64,
    /// The bytes that were asked for.
    pub requested: u64,
    pub(crate) born: Nanos,
    /// The heap's event that handed it out.
    pub(crate) event: u64,
    /// Whose it is.
    pub owner: OwnerId,
    /// Given back, but a stream may still use it.
    pub(super) pending: bool,
    /// It lies in a segment, in what was a hole.
    pub(super) placed: bool,
}

/// How a block event fitted what was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It fitted, and this block left the allocated ones.
    Left { address: u64, block: HeldBlock },
    /// It fitted, and no block left the allocated ones.
    Done,
    /// It is about a block that nobody handed out: it was live before recording began, or its alloc is lost.
    Unknown,
    /// It cannot have happened as it is recorded.
    Impossible,
}

/// What fills a part of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Free memory.
    Hole,
    /// A block.
    Block(HeldBlock),
}

/// What an event will look at, by and by: each step has to wait for memory if it comes too soon after the one before.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    contents: &'a Pieces,
    piece: PieceId,
}

impl Look<'_> {
    /// Looks at the piece. What it returns has no meaning, but is to be used.
    #[inline(always)]
    pub(crate) fn near(&self) -> u64 {
        self.contents.node(self.piece).start
    }

    /// Looks at what lies beside it.
    #[inline(always)]
    pub(crate) fn beside(&self) -> u64 {
        let (prev, next) = self.contents.neighbours(self.piece);
        self.contents.node(prev).start ^ self.contents.node(next).start
    }
}

impl HeapState {
    /// An empty heap, whose peak is taken on that sum.
    pub(crate) fn new(by: PeakBy) -> Self {
        Self { by, ..Self::default() }
    }

    /// The same heap, of whose blocks it is told, or is not, what was asked for.
    pub(super) fn with_requests(self, told: bool) -> Self {
        Self { requests_untold: !told, ..self }
    }

    /// An empty heap with room for so many pieces.
    pub(super) fn with_room(by: PeakBy, pieces: usize) -> Self {
        Self { contents: Pieces::with_room(pieces), ..Self::new(by) }
    }

    /// Adds a segment as it was, with nothing in it yet.
    pub(super) fn restore_segment(&mut self, start: u64, segment: super::segments::ReservedSegment) {
        self.segments.restore(&mut self.contents, start, segment);
    }

    /// Adds a piece to the end of the segment that starts at `segment`, as it was.
    pub(super) fn restore_piece(&mut self, segment: u64, start: u64, size: u64, piece: Piece) {
        if let Some(border) = self.segments.border(segment) {
            self.contents.restore(border, start, size, piece);
        }
    }

    /// Adds a block that is not placed.
    pub(super) fn restore_loose(&mut self, address: u64, block: HeldBlock) {
        let found = self.contents.find(address);
        self.contents.put_apart(found, address, block);
    }

    /// The blocks that are not wholly back, with their addresses, in no order.
    pub fn blocks(&self) -> impl Iterator<Item = (u64, HeldBlock)> + '_ {
        self.contents.blocks()
    }

    /// How many pieces are walked over to see them all.
    pub(crate) fn pieces_to_walk(&self) -> usize {
        self.contents.len()
    }

    /// The block at this address.
    pub fn block(&self, address: u64) -> Option<HeldBlock> {
        self.contents.block_at(address)
    }

    /// What fills the segment between these ends without a gap, in the order of the addresses: each piece with its ends.
    /// (Blocks that do not fit what was known of the segment are not among them.)
    pub fn pieces(&self, (start, _): (u64, u64)) -> impl Iterator<Item = (u64, u64, Piece)> + '_ {
        let first = self.contents.find(start);
        let pieces = std::iter::successors(first, |&piece| self.contents.behind(piece));
        pieces.map(|piece| {
            let node = self.contents.node(piece);
            let what = if node.is_block() { Piece::Block(node.block()) } else { Piece::Hole };
            (node.start, node.end(), what)
        })
    }

    /// Whether so much is in it that what is looked at is likely to be far.
    pub(crate) fn is_crowded(&self) -> bool {
        self.contents.are_many()
    }

    /// What an event at this address will look at.
    #[inline(always)]
    pub(crate) fn look_for(&self, address: u64) -> Look<'_> {
        Look { contents: &self.contents, piece: self.contents.guess(address) }
    }

    /// The bytes of all holes.
    #[inline(always)]
    pub(crate) fn hole_bytes(&self) -> u64 {
        self.contents.hole_bytes()
    }

    /// The bytes of segments that are one hole.
    #[inline(always)]
    pub(crate) fn whole_bytes(&self) -> u64 {
        self.contents.whole_bytes()
    }

    /// How many holes there are.
    pub(crate) fn holes(&self) -> u64 {
        self.contents.holes()
    }

    /// The size of the largest hole; zero if there is none.
    #[inline]
    pub(crate) fn largest_hole(&mut self) -> u64 {
        self.contents.largest_hole()
    }

    /// Whether a block was placed inside a hole since this was last asked, rather than at its front.
    #[inline(always)]
    pub(crate) fn was_split(&mut self) -> bool {
        std::mem::take(&mut self.split)
    }

    /// The sum that its peak is taken on.
    #[inline(always)]
    pub(crate) fn measured(&self) -> u64 {
        match self.by {
            PeakBy::Allocated => self.totals.allocated,
            PeakBy::Requested => self.totals.requested,
        }
    }

    /// Whether the block counts for the peak: its requested bytes do until its free is completed.
    #[inline(always)]
    pub(crate) fn counts(&self, block: &HeldBlock) -> bool {
        !block.pending || self.by == PeakBy::Requested
    }

    /// What a block counts for in the sum that the peak is taken on.
    pub(crate) fn bytes_of(&self, block: &HeldBlock) -> u64 {
        match self.by {
            PeakBy::Allocated => block.size,
            PeakBy::Requested => block.requested,
        }
    }

    /// Hands a block out. A block that is live at its address must have been given back unseen: it leaves.
    #[inline(always)]
    pub(crate) fn alloc(&mut self, alloc: &BlockAlloc, owner: OwnerId, born: Nanos, event: u64) -> Change {
        let (start, size) = (alloc.address.0, alloc.size.0);
        let (Some(end), Some(totals)) = (start.checked_add(size), self.totals.with(size, alloc.requested.0))
        else {
            return Change::Impossible;
        };
        let block = HeldBlock {
            size,
            requested: alloc.requested.0,
            born,
            event,
            owner,
            pending: false,
            placed: false,
        };
        let mut found = self.contents.find(start);
        let mut change = Change::Done;
        self.totals = totals;
        if (found.is_some() || self.contents.has_strays())
            && let Some(old) = self.contents.take_found(found, start)
        {
            self.totals = totals.without(&old, self.by);
            found = self.contents.find(start);
            change = Change::Left { address: start, block: old };
        }
        if found.is_none() && self.segmented && size > 0 && self.segments.hold(start, end) {
            // Looked for among the few segments first: a block outside all of them must not cost an index of the holes.
            self.split = self.contents.put_inside(start, block);
            if self.split {
                return change;
            }
        }
        self.contents.put(found, start, block);
        change
    }

    /// Takes a block back, so that its memory can be used again.
    #[inline(always)]
    pub(crate) fn free(&mut self, free: &BlockFree) -> Change {
        let address = free.address.0;
        let found = self.contents.find(address);
        let Some(block) = self.contents.take_found(found, address) else { return Change::Unknown };
        self.totals = self.totals.without(&block, self.by);
        if self.counts(&block) { Change::Left { address, block } } else { Change::Done }
    }

    /// The block at this address turns out to be another owner's.
    pub(crate) fn set_owner(&mut self, address: u64, owner: OwnerId) {
        self.contents.set_owner(address, owner);
    }

    /// Takes a block back that a stream may still use.
    pub(crate) fn request_free(&mut self, free: &BlockFree) -> Change {
        let address = free.address.0;
        match self.contents.mark_pending(address) {
            None => Change::Unknown,
            Some(block) if block.pending => Change::Impossible,
            Some(block) => {
                self.totals.allocated -= block.size;
                if self.by == PeakBy::Requested {
                    return Change::Done;
                }
                self.totals.requested -= block.requested;
                Change::Left { address, block }
            }
        }
    }

    /// Reserves a segment, or maps a piece of an expandable one. What it overlaps must have been released unseen.
    pub(crate) fn reserve(
        &mut self,
        segment: &Segment,
        expandable: bool,
        lost: &mut Vec<(u64, HeldBlock)>,
    ) -> Change {
        let start = segment.address.0;
        let Some(end) = start.checked_add(segment.size.0).filter(|&end| end > start) else {
            return Change::Impossible;
        };
        self.segmented = true;
        for (from, to) in self.segments.overlaps(start, end) {
            if !self.withdraw(from, to, lost) {
                return Change::Impossible;
            }
        }
        self.segments.add(&mut self.contents, (start, end), expandable, segment.pool);
        Change::Done
    }

    /// Releases a segment, or unmaps a piece of one; a size of zero means all that was reserved at the address.
    pub(crate) fn release(&mut self, segment: &Segment, lost: &mut Vec<(u64, HeldBlock)>) -> Change {
        let start = segment.address.0;
        let end = match segment.size.0 {
            0 => self.segments.end_of(start),
            size => start.checked_add(size),
        };
        let parts = end.map_or_else(Vec::new, |end| self.segments.overlaps(start, end));
        if parts.is_empty() {
            return Change::Unknown;
        }
        for (from, to) in parts {
            if !self.withdraw(from, to, lost) {
                return Change::Impossible;
            }
        }
        Change::Done
    }

    fn withdraw(&mut self, start: u64, end: u64, lost: &mut Vec<(u64, HeldBlock)>) -> bool {
        let mut gone = Vec::new();
        let done = self.segments.withdraw(&mut self.contents, (start, end), &mut gone).is_ok();
        for &(_, block) in &gone {
            self.totals = self.totals.without(&block, self.by);
        }
        gone.retain(|(_, block)| self.counts(block));
        lost.append(&mut gone);
        done
    }
}

impl Totals {
    #[inline(always)]
    fn with(self, size: u64, requested: u64) -> Option<Self> {
        Some(Self {
            requested: self.requested.checked_add(requested)?,
            // Never more than active.
            allocated: self.allocated.wrapping_add(size),
            active: self.active.checked_add(size)?,
        })
    }

    #[inline(always)]
    fn without(self, block: &HeldBlock, by: PeakBy) -> Self {
        let allocated = if block.pending { 0 } else { block.size };
        let requested = if block.pending && by == PeakBy::Allocated { 0 } else { block.requested };
        Self {
            requested: self.requested - requested,
            allocated: self.allocated - allocated,
            active: self.active - block.size,
        }
    }
}

impl HeldBlock {
    /// Whether the program still has it: if not, a stream may still use it.
    pub fn is_allocated(&self) -> bool {
        !self.pending
    }

    /// Whether it lies in a segment, in what was a hole.
    pub fn is_placed(&self) -> bool {
        self.placed
    }
}

#[cfg(test)]
mod tests;
