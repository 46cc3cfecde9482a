//! One heap: its live blocks, its segments, its totals.

use hashbrown::{HashMap, hash_map::Entry};
use memtrace_format::{BlockAlloc, BlockFree, Segment};

use super::{OwnerId, segments::Segments};
use crate::{Nanos, report::PeakBy};

/// What a heap looks like at an instant.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeapState {
    blocks: HashMap<u64, Block>,
    pub(crate) segments: Segments,
    pub(crate) totals: Totals,
    /// Whether the engine reports segments of it.
    pub(crate) segmented: bool,
    /// What its peak is taken on.
    pub(crate) by: PeakBy,
}

/// Sums over blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) requested: u64,
    pub(crate) allocated: u64,
    /// Allocated, and freed but not completed.
    pub(crate) active: u64,
}

/// A block that was handed out and is not yet wholly back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) size: u64,
    pub(crate) requested: u64,
    pub(crate) born: Nanos,
    /// The heap's event that handed it out.
    pub(crate) event: u64,
    pub(crate) owner: OwnerId,
    /// Given back, but a stream may still use it.
    pending: bool,
    /// It lies in a segment, in what was a hole.
    placed: bool,
}

/// How a block event fitted what was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It fitted, and this block left the allocated ones.
    Left { address: u64, block: Block },
    /// It fitted, and no block left the allocated ones.
    Done,
    /// It is about a block that nobody handed out: it was live before recording began, or its alloc is lost.
    Unknown,
    /// It cannot have happened as it is recorded.
    Impossible,
}

/// What fills a part of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Hole,
    Block(Block),
}

impl HeapState {
    /// An empty heap, whose peak is taken on that sum.
    pub(crate) fn new(by: PeakBy) -> Self {
        Self { by, ..Self::default() }
    }

    /// The blocks that are not wholly back, with their addresses, in no order.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = (u64, Block)> + '_ {
        self.blocks.iter().map(|(&address, &block)| (address, block))
    }

    /// The block at this address.
    pub(crate) fn block(&self, address: u64) -> Option<Block> {
        self.blocks.get(&address).copied()
    }

    /// What fills the segment between these ends without a gap, in the order of the addresses: each piece with its ends.
    /// (Blocks that do not fit what was known of the segment are not among them.)
    pub(crate) fn pieces(&self, (start, end): (u64, u64)) -> impl Iterator<Item = (u64, u64, Piece)> + '_ {
        let piece = move |at: u64| match self.segments.holes().starting_at(at) {
            Some(hole_end) => Some((at, hole_end, Piece::Hole)),
            None => {
                let block = self.block(at).filter(|block| block.placed)?;
                Some((at, at + block.size, Piece::Block(block)))
            }
        };
        std::iter::successors(piece(start), move |&(_, at, _)| if at < end { piece(at) } else { None })
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
    pub(crate) fn counts(&self, block: &Block) -> bool {
        !block.pending || self.by == PeakBy::Requested
    }

    /// Hands a block out. A block that is live at its address must have been given back unseen: it leaves.
    #[inline]
    pub(crate) fn alloc(&mut self, alloc: &BlockAlloc, owner: OwnerId, born: Nanos, event: u64) -> Change {
        let (start, size) = (alloc.address.0, alloc.size.0);
        let (Some(end), Some(totals)) = (start.checked_add(size), self.totals.with(size, alloc.requested.0))
        else {
            return Change::Impossible;
        };
        let mut block =
            Block { size, requested: alloc.requested.0, born, event, owner, pending: false, placed: false };
        match self.blocks.entry(start) {
            Entry::Vacant(entry) => {
                block.placed = self.segmented && size > 0 && self.segments.place(start, end);
                entry.insert(block);
                self.totals = totals;
                Change::Done
            }
            Entry::Occupied(mut entry) => {
                let old = *entry.get();
                self.totals = totals.without(&old, self.by);
                if old.placed {
                    self.segments.give_back(start, start + old.size);
                }
                block.placed = self.segmented && size > 0 && self.segments.place(start, end);
                entry.insert(block);
                Change::Left { address: start, block: old }
            }
        }
    }

    /// Takes a block back, so that its memory can be used again.
    #[inline]
    pub(crate) fn free(&mut self, free: &BlockFree) -> Change {
        let address = free.address.0;
        let Some(block) = self.blocks.remove(&address) else { return Change::Unknown };
        self.totals = self.totals.without(&block, self.by);
        if block.placed {
            self.segments.give_back(address, address + block.size);
        }
        if self.counts(&block) { Change::Left { address, block } } else { Change::Done }
    }

    /// Takes a block back that a stream may still use.
    pub(crate) fn request_free(&mut self, free: &BlockFree) -> Change {
        let address = free.address.0;
        match self.blocks.get_mut(&address) {
            None => Change::Unknown,
            Some(block) if block.pending => Change::Impossible,
            Some(block) => {
                let left = *block;
                block.pending = true;
                self.totals.allocated -= left.size;
                if self.by == PeakBy::Requested {
                    return Change::Done;
                }
                self.totals.requested -= left.requested;
                Change::Left { address, block: left }
            }
        }
    }

    /// Reserves a segment, or maps a piece of an expandable one. What it overlaps must have been released unseen.
    pub(crate) fn reserve(
        &mut self,
        segment: &Segment,
        expandable: bool,
        lost: &mut Vec<(u64, Block)>,
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
        self.segments.add(start, end, expandable, segment.pool);
        Change::Done
    }

    /// Releases a segment, or unmaps a piece of one; a size of zero means all that was reserved at the address.
    pub(crate) fn release(&mut self, segment: &Segment, lost: &mut Vec<(u64, Block)>) -> Change {
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

    fn withdraw(&mut self, start: u64, end: u64, lost: &mut Vec<(u64, Block)>) -> bool {
        let blocks = &self.blocks;
        let placed = |at: u64| blocks.get(&at).filter(|block| block.placed).map(|block| at + block.size);
        let mut gone = Vec::new();
        let done = self.segments.withdraw(start, end, placed, |at| gone.push(at)).is_ok();
        for at in gone {
            if let Some(block) = self.blocks.remove(&at) {
                self.totals = self.totals.without(&block, self.by);
                if self.counts(&block) {
                    lost.push((at, block));
                }
            }
        }
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
    fn without(self, block: &Block, by: PeakBy) -> Self {
        let allocated = if block.pending { 0 } else { block.size };
        let requested = if block.pending && by == PeakBy::Allocated { 0 } else { block.requested };
        Self {
            requested: self.requested - requested,
            allocated: self.allocated - allocated,
            active: self.active - block.size,
        }
    }
}

impl Block {
    /// Whether the program still has it: if not, a stream may still use it.
    pub(crate) fn is_allocated(&self) -> bool {
        !self.pending
    }

    /// Whether it lies in a segment, in what was a hole.
    pub(crate) fn is_placed(&self) -> bool {
        self.placed
    }
}
