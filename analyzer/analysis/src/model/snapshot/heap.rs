//! One heap at an instant: segments, and the blocks and holes that fill them.

use std::ops::Range;

use memtrace_format::{Address, Bytes};

use crate::{
    Nanos, Text,
    report::{BlockSizes, Figures, PeakBy},
};

/// A heap at an instant. Blocks, segments and holes are each in the order of their addresses.
#[derive(Clone, Debug)]
pub struct LiveHeap {
    /// As the engine calls it.
    pub name: Text,
    /// The ordinal of its device; none for host memory.
    pub device: Option<u32>,
    /// What its peaks are taken on.
    pub by: PeakBy,
    /// How block sizes are known.
    pub block_sizes: BlockSizes,
    /// How full it is.
    pub figures: Figures,
    /// How many of its events have happened: the latest has the index one below.
    pub events: u64,
    /// What was reserved; none where the engine reports no segments.
    pub segments: Option<Vec<LiveSegment>>,
    /// What was handed out and is not wholly back.
    pub blocks: Vec<LiveBlock>,
    /// What is free in the segments. Two that touch across the border of two segments are two.
    pub holes: Vec<Hole>,
}

/// A range that a caching allocator reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveSegment {
    /// Where it starts.
    pub address: Address,
    /// How long it is.
    pub bytes: Bytes,
    /// The pool whose requests it serves: `small`, `large`, or what the engine calls it; none if that is lost.
    pub pool: Option<Text>,
    /// The stream whose requests it serves; none if that is lost.
    pub stream: Option<u64>,
    /// Of an expandable segment: all its pieces have been multiples of so many bytes.
    pub granule_bytes: Option<Bytes>,
    /// What is free in it. The rest is active: [`blocks`](Self::blocks) fill it.
    pub free_bytes: Bytes,
    /// The indices of the blocks that start in it.
    pub blocks: Range<usize>,
    /// The indices of its holes.
    pub holes: Range<usize>,
}

/// A block that is not wholly back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveBlock {
    /// Where it starts.
    pub address: Address,
    /// How long it is.
    pub bytes: Bytes,
    /// What the program asked for.
    pub requested_bytes: Option<Bytes>,
    /// Whether the program has it, or only a stream.
    pub state: BlockState,
    /// Whether it fills a part of a segment; where the recording contradicts itself, one does not.
    pub is_placed: bool,
    /// Whose it is.
    pub owner: OwnerIndex,
    /// When it was handed out.
    pub born_ns: Nanos,
    /// The index of the heap's event that handed it out; none if that was before the events that were kept.
    pub born_event: Option<u64>,
}

/// Whether the program still has a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockState {
    /// The program has it.
    Allocated,
    /// It was given back, and a stream still uses it.
    Pending,
}

/// The index of an owner among an instant's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OwnerIndex(pub u32);

/// A free range in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Where it starts.
    pub address: Address,
    /// How long it is.
    pub bytes: Bytes,
}

impl LiveHeap {
    /// The block around an address.
    pub fn block_at(&self, address: Address) -> Option<&LiveBlock> {
        let behind = self.blocks.partition_point(|block| block.address <= address);
        let block = self.blocks[..behind].last()?;
        (address.0 - block.address.0 < block.bytes.0).then_some(block)
    }

    /// The segment around an address.
    pub fn segment_at(&self, address: Address) -> Option<&LiveSegment> {
        let segments = self.segments.as_deref()?;
        let behind = segments.partition_point(|segment| segment.address <= address);
        let segment = segments[..behind].last()?;
        (address.0 - segment.address.0 < segment.bytes.0).then_some(segment)
    }

    /// The hole around an address.
    pub fn hole_at(&self, address: Address) -> Option<&Hole> {
        let behind = self.holes.partition_point(|hole| hole.address <= address);
        let hole = self.holes[..behind].last()?;
        (address.0 - hole.address.0 < hole.bytes.0).then_some(hole)
    }

    /// The blocks that count for a peak: those that the program has; all of them where peaks are taken on requested bytes.
    pub fn counted(&self) -> impl Iterator<Item = &LiveBlock> {
        self.blocks
            .iter()
            .filter(|block| self.by == PeakBy::Requested || block.state == BlockState::Allocated)
    }

    /// The bytes that a block counts for a peak.
    pub fn measure(&self, block: &LiveBlock) -> Bytes {
        match self.by {
            PeakBy::Allocated => block.bytes,
            PeakBy::Requested => block.requested_bytes.unwrap_or_default(),
        }
    }
}
