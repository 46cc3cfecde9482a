//! Fragmentation: the free memory in a heap's segments, the blocks that pin it, and the bytes that each would release.

use memtrace_format::{Address, Bytes};
use serde::Serialize;

use super::SizeShare;
use crate::{Nanos, Text};

/// How fragmented a heap was at three instants.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fragmentation {
    /// At the peak of allocated bytes.
    pub at_peak: FragmentationAt,
    /// When the most inactive bytes lay outside the largest free block. (The ratio alone is worst when next to nothing is free, which hurts nobody.)
    pub worst: FragmentationAt,
    /// When the most inactive bytes lay in segments that blocks kept: no giving back of the cache frees those.
    pub most_pinned: FragmentationAt,
    /// At the end.
    pub end: FragmentationAt,
}

/// How fragmented a heap is at an instant. Free blocks are the holes in its segments; two that touch across the border of two segments stay two.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FragmentationAt {
    /// When.
    pub time_ns: Nanos,
    /// Reserved and not active.
    pub inactive_bytes: Bytes,
    /// How many holes.
    pub free_blocks: u64,
    /// The largest of them.
    pub largest_free_bytes: Bytes,
    /// The bytes of holes in segments that blocks keep, and so of no use to anybody else.
    pub pinned_bytes: Bytes,
    /// `1 - largest / total` of the holes; none if there are none.
    pub external: Option<f64>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_why: Option<&'static str>,
    /// Active bytes over reserved bytes; none if nothing is reserved.
    pub active_over_reserved: Option<f64>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_over_reserved_why: Option<&'static str>,
    /// What blocks hold beyond what was asked for.
    pub internal_bytes: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internal_bytes_why: Option<&'static str>,
    /// Segment by segment.
    #[serde(flatten)]
    pub layout: Layout,
}

/// How the segments of a heap are filled at an instant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Layout {
    /// The segments, those with the most free bytes first; as many as are kept.
    pub segments: Vec<SegmentUse>,
    /// How many segments there are; none if they were not looked at.
    pub segments_total: Option<u64>,
    /// Why they were not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segments_total_why: Option<&'static str>,
    /// The holes by their size, smallest first.
    pub free_by_size: Vec<SizeShare>,
    /// What no block keeps: it goes back to the driver as soon as the allocator gives back what it caches.
    pub unpinned_bytes: Bytes,
    /// Who keeps the rest: the blocks whose release would let the most go, the densest first; as many as are kept, and only
    /// those that let go twice what they hold. Whoever releases no more bytes than
    /// the first few together cannot free more.
    pub pins: Vec<Pin>,
}

/// How a segment is filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentUse {
    /// Where it starts.
    pub address: Address,
    /// How long it is.
    pub bytes: Bytes,
    /// The pool whose requests it serves; none if that is lost.
    pub pool: Option<Text>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool_why: Option<&'static str>,
    /// The stream whose requests it serves; none if that is lost.
    pub stream: Option<u64>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_why: Option<&'static str>,
    /// Whether it was mapped piece by piece, and can be unmapped so.
    pub is_expandable: bool,
    /// The length of what can go back to the driver by itself: a page of an expandable segment, else all of it.
    pub page_bytes: Bytes,
    /// What blocks fill, with those that only a stream still uses.
    pub active_bytes: Bytes,
    /// What of that goes beyond what was asked for.
    pub internal_bytes: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internal_bytes_why: Option<&'static str>,
    /// What is free.
    pub free_bytes: Bytes,
    /// In how many holes.
    pub free_blocks: u64,
    /// The largest hole.
    pub largest_free_bytes: Bytes,
    /// The blocks that fill it, by their size, smallest first.
    pub blocks_by_size: Vec<SizeShare>,
}

/// Some blocks that together keep reserved memory from going back to the driver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pin {
    /// Where the segment starts in which they lie.
    pub segment: Address,
    /// What goes back without them: the segment, or pages of an expandable one.
    pub frees_bytes: Bytes,
    /// What they hold themselves.
    pub releases_bytes: Bytes,
    /// The largest of them.
    pub blocks: Vec<PinningBlock>,
    /// How many they are.
    pub blocks_total: u64,
    /// Their owners by module, largest first.
    pub by_module: Vec<super::Share>,
}

/// A block that keeps a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PinningBlock {
    /// Where it starts.
    pub address: Address,
    /// How long it is.
    pub bytes: Bytes,
    /// Whether the program gave it back and only a stream still uses it.
    pub is_pending: bool,
    /// The module that owned it, or `(none)`.
    pub module: Text,
    /// The scopes it was allocated in, or `(none)`.
    pub scope: Text,
    /// The frames that led to it, innermost first; empty if none were recorded.
    pub stack: Vec<Text>,
    /// How long it had been live.
    pub age_ns: Nanos,
}
