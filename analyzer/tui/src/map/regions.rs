//! The parts of a heap's address space that get a row each: its segments, or where it has none, what lies close together.

use std::ops::Range;

use memtrace_analysis::{
    Text,
    snapshot::{LiveBlock, LiveHeap},
};
use memtrace_format::Bytes;

/// The most rows; the largest regions are kept.
const ROWS: usize = 4096;
/// A heap without segments is cut where nothing lives for so long, or for more, so that it has at most so many parts.
const GAP: u64 = 1 << 20;
const PARTS: usize = 256;

/// A part of the address space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    /// The start address.
    pub(crate) from: u64,
    /// The address behind it.
    pub(crate) to: u64,
    /// The indices of the blocks that start in it.
    pub(crate) blocks: Range<usize>,
    /// The free memory in it; none where it is not recorded.
    pub(crate) free: Option<FreeSpace>,
    /// The pool whose requests it serves.
    pub(crate) pool: Option<Text>,
}

/// The free memory of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FreeSpace {
    /// In all.
    pub(crate) bytes: Bytes,
    /// The largest hole.
    pub(crate) largest: Bytes,
    /// The number of holes.
    pub(crate) holes: usize,
}

impl Region {
    /// Returns its length.
    pub(crate) fn bytes(&self) -> Bytes {
        Bytes(self.to - self.from)
    }

    /// Returns true if the address is in it.
    pub(crate) fn holds(&self, address: u64) -> bool {
        (self.from..self.to).contains(&address)
    }
}

/// The regions of a heap in the order of their addresses, and how many there are with those left out.
pub(crate) fn regions(heap: &LiveHeap) -> (Vec<Region>, usize) {
    let mut regions = match &heap.segments {
        Some(segments) => segments.iter().map(|segment| of_segment(heap, segment)).collect(),
        None => {
            let mut gap = GAP;
            let mut parts = parts(&heap.blocks, gap);
            while parts.len() > PARTS && gap < u64::MAX / 4 {
                gap *= 4;
                parts = self::parts(&heap.blocks, gap);
            }
            parts
        }
    };
    regions.retain(|region| region.to > region.from);
    let total = regions.len();
    if total > ROWS {
        regions.select_nth_unstable_by_key(ROWS, |region| std::cmp::Reverse(region.bytes()));
        regions.truncate(ROWS);
        regions.sort_unstable_by_key(|region| region.from);
    }
    (regions, total)
}

fn of_segment(heap: &LiveHeap, segment: &memtrace_analysis::snapshot::LiveSegment) -> Region {
    let holes = &heap.holes[segment.holes.clone()];
    Region {
        from: segment.address.0,
        to: segment.address.0.saturating_add(segment.bytes.0),
        blocks: segment.blocks.clone(),
        free: Some(FreeSpace {
            bytes: segment.free_bytes,
            largest: holes.iter().map(|hole| hole.bytes).max().unwrap_or_default(),
            holes: holes.len(),
        }),
        pool: segment.pool.clone(),
    }
}

/// Merges ranges that lie no further apart than `gap`.
fn parts(blocks: &[LiveBlock], gap: u64) -> Vec<Region> {
    let mut parts: Vec<Region> = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        let (from, to) = (block.address.0, block.address.0.saturating_add(block.bytes.0));
        match parts.last_mut() {
            Some(last) if from.saturating_sub(last.to) <= gap => {
                last.to = last.to.max(to);
                last.blocks.end = index + 1;
            }
            _ => parts.push(Region { from, to, blocks: index..index + 1, free: None, pool: None }),
        }
    }
    parts
}
