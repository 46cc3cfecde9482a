//! Heaps: the peak's owners, the figures, the fragmentation.

use std::hash::Hash;

use hashbrown::HashMap;
use memtrace_format::{Address, Bytes, DeviceId};

use super::{NO_SEGMENTS, names::Names};
use crate::{
    Nanos, Text, Trace,
    analyses::{FragmentationSnapshot, Level},
    replay::{Block, Heap, HeapKey},
    report::{
        self, BlockSizes, Figures, Fragmentation, FragmentationAt, Known, Peak, PeakBefore, PeakBy,
        ReservedPeak, Share,
    },
};

/// The most blocks of a peak that are listed: the largest.
const BLOCKS: usize = 1_000;

/// The most owners of one kind that are listed: the largest; the rest is taken together.
const SHARES: usize = 1_000;

const NO_EVENTS_LIKE_THAT: &str = "nothing was reserved";

pub(super) fn report(
    mut heap: Heap,
    known: Known,
    peak_before: Option<PeakBefore>,
    end: Nanos,
    names: &mut Names<'_>,
) -> report::Heap {
    let segmented = heap.state.segmented;
    let why = (!segmented).then_some(NO_SEGMENTS);
    let definition = match heap.key {
        HeapKey::Heap(id) => names.definitions.heap(id),
        HeapKey::LostPool(_) => None,
    };
    let device = definition
        .map(|heap| DeviceId(heap.device))
        .filter(|id| !id.is_none())
        .and_then(|id| names.definitions.device(id));
    let at_end = FragmentationSnapshot::of(end, &mut heap.state);
    let watch = &heap.watch;
    report::Heap {
        name: names.heap(heap.key),
        device: device.map(|device| device.ordinal),
        device_why: device.is_none().then_some("the engine named no device"),
        kind: definition.and_then(|heap| heap.memory_kind()).map_or("unknown", |kind| kind.name()),
        known,
        allocs: watch.allocs,
        frees: watch.frees,
        block_sizes: block_sizes(heap.state.by),
        baseline_bytes: Bytes(watch.baseline),
        baseline_counted: names.is_imported(),
        peak_before,
        reserved_peak: segmented
            .then_some(ReservedPeak { time_ns: watch.reserved_peak.0, bytes: Bytes(watch.reserved_peak.1) }),
        reserved_peak_why: why,
        end: figures(&at_end.level, segmented),
        end_blocks: heap.state.blocks().filter(|(_, block)| block.is_allocated()).count() as u64,
        fragmentation: segmented.then(|| Fragmentation {
            at_peak: fragmentation(&watch.peak.fragmentation),
            worst: fragmentation(&watch.worst),
            end: fragmentation(&at_end),
        }),
        fragmentation_why: why,
        peak: peak(&heap, names),
    }
}

/// How the sizes of blocks are known in a heap whose peak is taken so.
pub(super) fn block_sizes(by: PeakBy) -> BlockSizes {
    match by {
        PeakBy::Allocated => BlockSizes::Recorded,
        PeakBy::Requested => BlockSizes::Deduced,
    }
}

/// What a baseline says of a heap's peaks among the events that were not kept.
pub(super) fn peak_before(trace: &Trace, heap: HeapKey) -> Option<PeakBefore> {
    let HeapKey::Heap(id) = heap else { return None };
    let peaks = &trace.baseline.as_ref()?.peaks;
    let peak = |reserved| peaks.iter().find(|(_, peak)| peak.heap == id && peak.reserved == reserved);
    let (time, allocated) = peak(false)?;
    let (reserved_time, reserved) = peak(true)?;
    Some(PeakBefore {
        time_ns: trace.clock.nanos(*time),
        allocated_bytes: allocated.bytes,
        reserved_time_ns: trace.clock.nanos(*reserved_time),
        reserved_bytes: reserved.bytes,
    })
}

/// The sums as a report shows them.
pub(super) fn figures(level: &Level, segmented: bool) -> Figures {
    Figures {
        requested_bytes: Bytes(level.requested),
        allocated_bytes: Bytes(level.allocated),
        active_bytes: Bytes(level.active),
        reserved_bytes: segmented.then_some(Bytes(level.reserved)),
        reserved_bytes_why: (!segmented).then_some(NO_SEGMENTS),
    }
}

fn fragmentation(at: &FragmentationSnapshot) -> FragmentationAt {
    let ratio = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    let external = ratio(at.inactive - at.largest_free, at.inactive);
    let active_over_reserved = ratio(at.level.active, at.level.reserved);
    FragmentationAt {
        time_ns: at.time,
        inactive_bytes: Bytes(at.inactive),
        free_blocks: at.free_blocks,
        largest_free_bytes: Bytes(at.largest_free),
        external,
        external_why: external.is_none().then_some("nothing was free"),
        active_over_reserved,
        active_over_reserved_why: active_over_reserved.is_none().then_some(NO_EVENTS_LIKE_THAT),
        internal_bytes: Bytes(at.level.allocated.saturating_sub(at.level.requested)),
    }
}

fn peak(heap: &Heap, names: &mut Names<'_>) -> Peak {
    let watch = &heap.watch.peak;
    let mut modules = HashMap::new();
    let mut scopes = HashMap::new();
    let mut threads = HashMap::new();
    let mut blocks: Vec<(u64, Block)> = watch.blocks(&heap.state).collect();
    for (_, block) in &blocks {
        if let Some(owner) = names.owner(block.owner) {
            let bytes = match heap.state.by {
                PeakBy::Allocated => block.size,
                PeakBy::Requested => block.requested,
            };
            *modules.entry(owner.module).or_default() += bytes;
            *scopes.entry(owner.scope).or_default() += bytes;
            *threads.entry(owner.thread).or_default() += bytes;
        }
    }
    let blocks_total = blocks.len() as u64;
    let largest_first = |(address, block): &(u64, Block)| (std::cmp::Reverse(block.size), *address);
    if blocks.len() > BLOCKS {
        blocks.select_nth_unstable_by_key(BLOCKS, largest_first);
        blocks.truncate(BLOCKS);
    }
    blocks.sort_unstable_by_key(largest_first);
    Peak {
        by: heap.state.by,
        time_ns: watch.time,
        event_index: watch.event.saturating_sub(heap.watch.first_event),
        figures: figures(&watch.level, heap.state.segmented),
        by_module: shares(modules, |id| names.module(id)),
        by_scope: shares(scopes, |id| names.scope(id)),
        by_thread: shares(threads, |index| names.thread(index as usize)),
        blocks: blocks.into_iter().map(|(at, block)| report_block(at, &block, watch.time, names)).collect(),
        blocks_total,
    }
}

fn report_block(address: u64, block: &Block, at: Nanos, names: &mut Names<'_>) -> report::Block {
    let owner = names.owner(block.owner).copied();
    report::Block {
        address: Address(address),
        bytes: Bytes(block.size),
        requested_bytes: Bytes(block.requested),
        module: names.module(owner.map(|owner| owner.module).unwrap_or_default()),
        scope: names.scope(owner.map(|owner| owner.scope).unwrap_or_default()),
        thread: names.thread(owner.map_or(usize::MAX, |owner| owner.thread as usize)),
        stack: owner.map_or_else(Vec::new, |owner| names.definitions.frames(owner.stack)),
        age_ns: at.since(block.born),
    }
}

/// The sums by owner, largest first.
fn shares<I: Copy + Eq + Hash + Ord>(sums: HashMap<I, u64>, mut name: impl FnMut(I) -> Text) -> Vec<Share> {
    let mut sums: Vec<(I, u64)> = sums.into_iter().collect();
    sums.sort_unstable_by_key(|&(id, bytes)| (std::cmp::Reverse(bytes), id));
    let rest = sums.split_off(sums.len().min(SHARES));
    let mut shares: Vec<_> =
        sums.into_iter().map(|(id, bytes)| Share { name: name(id), bytes: Bytes(bytes) }).collect();
    if !rest.is_empty() {
        let bytes = rest.iter().map(|(_, bytes)| bytes).sum();
        shares.push(Share { name: Text::new(format!("({} others)", rest.len())), bytes: Bytes(bytes) });
    }
    shares
}
