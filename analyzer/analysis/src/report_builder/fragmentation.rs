//! The use of a heap's segments, and the blocks that pin them.

use std::cmp::Reverse;

use hashbrown::HashMap;
use memtrace_format::Bytes;

use super::{NO_REQUESTS, breakdown::Sizes, heap::Told, names::Names};
use crate::{
    Nanos, Text,
    collectors::FragmentationSnapshot,
    report::{FragmentationAt, Layout, Pin, PinningBlock, SegmentUse, Share},
    snapshot::{self, BlockState, LiveHeap, Owner},
};

/// The most segments that are listed.
const SEGMENTS: usize = 200;
/// The most pins that are listed, and the most blocks and modules of each.
const PINS: usize = 20;
const PINNING: usize = 5;

const NOTHING_RESERVED: &str = "nothing was reserved";
const NOTHING_FREE: &str = "nothing was free";

/// The sums as a report shows them, without the segments.
pub(super) fn fragmentation(at: &FragmentationSnapshot, told: Told) -> FragmentationAt {
    let ratio = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    let external = ratio(at.inactive - at.largest_free, at.inactive);
    let active_over_reserved = ratio(at.level.active, at.level.reserved);
    FragmentationAt {
        time_ns: at.time,
        inactive_bytes: Bytes(at.inactive),
        free_blocks: at.free_blocks,
        largest_free_bytes: Bytes(at.largest_free),
        pinned_bytes: Bytes(at.inactive - at.whole),
        external,
        external_why: external.is_none().then_some(NOTHING_FREE),
        active_over_reserved,
        active_over_reserved_why: active_over_reserved.is_none().then_some(NOTHING_RESERVED),
        internal_bytes: told.requests.then(|| Bytes(at.level.allocated.saturating_sub(at.level.requested))),
        internal_bytes_why: (!told.requests).then_some(NO_REQUESTS),
        layout: Layout { segments_total_why: Some("they were not looked at"), ..Layout::default() },
    }
}

/// The segments of a heap at an instant.
pub(super) fn layout(heap: &LiveHeap, owners: &[Owner], at: Nanos, names: &Names<'_>) -> Layout {
    let segments = heap.segments.as_deref().unwrap_or_default();
    let mut listed: Vec<&snapshot::LiveSegment> = segments.iter().collect();
    let most_free_first = |segment: &&snapshot::LiveSegment| (Reverse(segment.free_bytes), segment.address);
    if listed.len() > SEGMENTS {
        listed.select_nth_unstable_by_key(SEGMENTS, most_free_first);
        listed.truncate(SEGMENTS);
    }
    listed.sort_unstable_by_key(most_free_first);
    let pins = heap.pins(PINS);
    Layout {
        segments: listed.into_iter().map(|segment| segment_use(heap, segment)).collect(),
        segments_total: Some(segments.len() as u64),
        segments_total_why: None,
        free_by_size: Sizes::of(heap.holes.iter().map(|hole| hole.bytes.0)).shares(),
        unpinned_bytes: heap.unpinned_bytes(),
        pins: pins
            .iter()
            .take_while(|pin| is_waste(pin))
            .map(|pin| report_pin(pin, heap, segments, owners, at, names))
            .collect(),
    }
}

/// Whether at least as much goes back as is released: where less is free than used, it is use that keeps a segment, not waste.
fn is_waste(pin: &snapshot::SegmentPin) -> bool {
    pin.freed_bytes.0 / 2 >= pin.released_bytes.0
}

fn segment_use(heap: &LiveHeap, segment: &snapshot::LiveSegment) -> SegmentUse {
    let blocks = heap.blocks[segment.blocks.clone()].iter().filter(|block| block.is_placed);
    let holes = &heap.holes[segment.holes.clone()];
    let internal = blocks.clone().map(|block| Some(block.bytes.0.saturating_sub(block.requested_bytes?.0)));
    let internal: Option<u64> = internal.sum();
    let lost = segment.pool.is_none().then_some("the definition of its pool is lost");
    SegmentUse {
        address: segment.address,
        bytes: segment.bytes,
        pool: segment.pool.clone(),
        pool_why: lost,
        stream: segment.stream,
        stream_why: lost,
        is_expandable: segment.granule_bytes.is_some(),
        page_bytes: segment.page_bytes(),
        active_bytes: Bytes(segment.bytes.0 - segment.free_bytes.0),
        internal_bytes: internal.map(Bytes),
        internal_bytes_why: internal.is_none().then_some(NO_REQUESTS),
        free_bytes: segment.free_bytes,
        free_blocks: holes.len() as u64,
        largest_free_bytes: holes.iter().map(|hole| hole.bytes).max().unwrap_or_default(),
        blocks_by_size: Sizes::of(blocks.map(|block| block.bytes.0)).shares(),
    }
}

fn report_pin(
    pin: &snapshot::SegmentPin,
    heap: &LiveHeap,
    segments: &[snapshot::LiveSegment],
    owners: &[Owner],
    at: Nanos,
    names: &Names<'_>,
) -> Pin {
    let mut blocks: Vec<&snapshot::LiveBlock> = pin.blocks.iter().map(|&block| &heap.blocks[block]).collect();
    let owner = |block: &snapshot::LiveBlock| &owners[block.owner.0 as usize];
    let mut modules: HashMap<&Text, u64> = HashMap::new();
    for block in &blocks {
        *modules.entry(&owner(block).module).or_default() += block.bytes.0;
    }
    let mut by_module: Vec<Share> =
        modules.into_iter().map(|(name, bytes)| Share { name: name.clone(), bytes: Bytes(bytes) }).collect();
    by_module.sort_unstable_by(|a, b| (Reverse(a.bytes), &a.name).cmp(&(Reverse(b.bytes), &b.name)));
    let rest = by_module.split_off(by_module.len().min(PINNING));
    if !rest.is_empty() {
        let bytes = Bytes(rest.iter().map(|share| share.bytes.0).sum());
        by_module.push(Share { name: Text::new(format!("({} others)", rest.len())), bytes });
    }
    let blocks_total = blocks.len() as u64;
    blocks.sort_unstable_by_key(|block| (Reverse(block.bytes), block.address));
    blocks.truncate(PINNING);
    Pin {
        segment: segments[pin.segment].address,
        frees_bytes: pin.freed_bytes,
        releases_bytes: pin.released_bytes,
        blocks: blocks
            .into_iter()
            .map(|block| PinningBlock {
                address: block.address,
                bytes: block.bytes,
                is_pending: block.state == BlockState::Pending,
                module: owner(block).module.clone(),
                scope: owner(block).scope.clone(),
                stack: names.definitions.frames(owner(block).stack),
                age_ns: at.since(block.born_ns),
            })
            .collect(),
        blocks_total,
        by_module,
    }
}
