//! Heaps: the peak's owners, the figures, the fragmentation.

use memtrace_format::{Address, Bytes, DeviceId};

use super::{
    NO_REQUESTS, NO_SEGMENTS,
    breakdown::breakdown,
    deferred::{self, layout_of},
    fragmentation::fragmentation,
    names::Names,
};
use crate::{
    Nanos,
    collectors::{FragmentationSnapshot, HeapWatch, PeakRecord, PeakWatch, TotalsSample, TotalsWatch},
    model::HeapKey,
    replay::{HeapState, HeldBlock, Level, ReplayHeap},
    report::{
        self, AllocatorTotals, BlockSizes, Breakdown, DistinctPeak, Figures, Fragmentation, Known, Peak,
        PeakBefore, PeakBy, ReservedPeak, TotalsAt,
    },
    source::Log,
};

/// The most blocks of a peak that are listed: the largest.
const BLOCKS: usize = 1_000;

/// The most owners of one kind that are listed: the largest; the rest is taken together.
pub(super) const SHARES: usize = 1_000;

pub(super) fn report(
    index: usize,
    (mut heap, mut watch): (ReplayHeap, HeapWatch),
    known: Known,
    peak_before: Option<PeakBefore>,
    end: Nanos,
    names: &mut Names<'_>,
) -> report::Heap {
    let told = Told::of(&heap.state);
    let segmented = told.segments;
    let why = (!segmented).then_some(NO_SEGMENTS);
    let (device, kind) = device_of(heap.key, names);
    let at_end = FragmentationSnapshot::of(end, &mut heap.state);
    let (records, peaks_total) = watch.peaks.finish();
    let mut peaks: Vec<_> =
        records.iter().map(|record| distinct_peak(record, heap.first_event, told)).collect();
    if let Some(highest) = peaks.first_mut() {
        let blocks = watch.peak.blocks(&heap.state).map(|(_, block)| block);
        highest.breakdown = breakdown(blocks, heap.state.by, watch.peak.time, deferred::SHARES, names);
        highest.breakdown_why = None;
    }
    let peak = peak(&heap, &watch.peak, names);
    // Before the blocks at the end are copied: either list may be millions long.
    watch.peak.forget_blocks();
    let mut fragmentation_at_end = fragmentation(&at_end, told);
    if segmented && index < deferred::HEAPS {
        fragmentation_at_end.layout = layout_of(&heap, end, names);
    }
    report::Heap {
        name: names.heap(heap.key),
        device,
        device_why: device.is_none().then_some("the engine named no device"),
        kind,
        known,
        allocs: watch.allocs,
        frees: watch.frees,
        block_sizes: block_sizes(heap.state.by),
        baseline_bytes: Bytes(watch.baseline),
        baseline_counted: names.is_imported(),
        allocator: None,
        peak_before,
        reserved_peak: segmented
            .then_some(ReservedPeak { time_ns: watch.reserved_peak.0, bytes: Bytes(watch.reserved_peak.1) }),
        reserved_peak_why: why,
        end: figures(&at_end.level, told),
        end_blocks: heap.state.blocks().filter(|(_, block)| block.is_allocated()).count() as u64,
        fragmentation: segmented.then(|| Fragmentation {
            at_peak: fragmentation(&watch.peak.fragmentation, told),
            worst: fragmentation(&watch.worst, told),
            most_pinned: fragmentation(&watch.most_pinned, told),
            end: fragmentation_at_end,
        }),
        fragmentation_why: why,
        peaks,
        peaks_total,
        peak,
    }
}

/// What an allocator said of itself.
pub(super) fn totals(watch: &TotalsWatch) -> AllocatorTotals {
    let at = |sample: &TotalsSample| TotalsAt {
        time_ns: sample.time,
        told_bytes: Bytes(sample.told),
        added_up_bytes: Bytes(sample.added_up),
    };
    AllocatorTotals {
        samples: watch.samples,
        differing: watch.differing,
        longest_row: watch.longest_row,
        longest_ns: watch.longest_time,
        several_threads: watch.several_threads,
        first: at(&watch.first),
        worst: at(&watch.worst),
        last: at(&watch.last),
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
pub(super) fn peak_before(trace: &Log, heap: HeapKey) -> Option<PeakBefore> {
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

/// What the events of a heap tell beside its blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) segments: bool,
    /// What was asked for, of each block.
    pub(super) requests: bool,
}

impl Told {
    pub(super) fn of(heap: &HeapState) -> Self {
        Self { segments: heap.segmented, requests: !heap.requests_untold }
    }

    /// By what its report says.
    pub(super) fn in_report(heap: &report::Heap) -> Self {
        Self { segments: heap.reserved_peak.is_some(), requests: heap.end.requested_bytes.is_some() }
    }
}

/// The sums as a report shows them.
pub(super) fn figures(level: &Level, told: Told) -> Figures {
    let Told { segments: segmented, requests } = told;
    Figures {
        requested_bytes: requests.then_some(Bytes(level.requested)),
        requested_bytes_why: (!requests).then_some(NO_REQUESTS),
        allocated_bytes: Bytes(level.allocated),
        active_bytes: Bytes(level.active),
        reserved_bytes: segmented.then_some(Bytes(level.reserved)),
        reserved_bytes_why: (!segmented).then_some(NO_SEGMENTS),
    }
}

fn peak(heap: &ReplayHeap, watch: &PeakWatch, names: &mut Names<'_>) -> Peak {
    // Walked through twice rather than copied: they may be millions.
    let blocks = || watch.blocks(&heap.state);
    let whose = blocks().map(|(_, block)| block);
    let Breakdown { by_module, by_scope, by_thread, by_line, by_stack, by_size, by_age } =
        breakdown(whose, heap.state.by, watch.time, SHARES, names);
    let (blocks, blocks_total) = largest_blocks(blocks(), Told::of(&heap.state), watch.time, names);
    Peak {
        by: heap.state.by,
        time_ns: watch.time,
        event_index: watch.event.saturating_sub(heap.first_event),
        figures: figures(&watch.level, Told::of(&heap.state)),
        by_module,
        by_scope,
        by_thread,
        by_line,
        by_stack,
        by_size,
        by_age,
        blocks,
        blocks_total,
    }
}

/// The ordinal of a heap's device, and the kind of its memory.
pub(super) fn device_of(heap: HeapKey, names: &Names<'_>) -> (Option<u32>, &'static str) {
    let definition = match heap {
        HeapKey::Heap(id) => names.definitions.heap(id),
        HeapKey::LostPool(_) => None,
    };
    let device = definition.map(|heap| DeviceId(heap.device)).filter(|id| !id.is_none());
    let device = device.and_then(|id| names.definitions.device(id));
    let kind = definition.and_then(|heap| heap.memory_kind()).map_or("unknown", |kind| kind.name());
    (device.map(|device| device.ordinal), kind)
}

/// The largest of these blocks, largest first, and how many blocks there are.
pub(super) fn largest_blocks(
    blocks: impl Iterator<Item = (u64, HeldBlock)>,
    told: Told,
    at: Nanos,
    names: &mut Names<'_>,
) -> (Vec<report::Block>, u64) {
    let largest_first = |(address, block): &(u64, HeldBlock)| (std::cmp::Reverse(block.size), *address);
    let (mut largest, mut total) = (Vec::with_capacity(2 * BLOCKS), 0);
    for block in blocks {
        total += 1;
        if largest.len() == 2 * BLOCKS {
            largest.select_nth_unstable_by_key(BLOCKS, largest_first);
            largest.truncate(BLOCKS);
        }
        largest.push(block);
    }
    largest.sort_unstable_by_key(largest_first);
    largest.truncate(BLOCKS);
    (
        largest.into_iter().map(|(address, block)| report_block(address, &block, told, at, names)).collect(),
        total,
    )
}

/// A peak, not broken down.
fn distinct_peak(record: &PeakRecord, first_event: u64, told: Told) -> DistinctPeak {
    DistinctPeak {
        time_ns: record.time,
        event_index: record.event.saturating_sub(first_event),
        valley_bytes: Bytes(record.valley),
        figures: figures(&record.level, told),
        breakdown: Breakdown::default(),
        breakdown_why: Some("it was not looked at"),
    }
}

fn report_block(
    address: u64,
    block: &HeldBlock,
    told: Told,
    at: Nanos,
    names: &mut Names<'_>,
) -> report::Block {
    let owner = names.owner(block.owner).copied();
    report::Block {
        address: Address(address),
        bytes: Bytes(block.size),
        requested_bytes: told.requests.then_some(Bytes(block.requested)),
        requested_bytes_why: (!told.requests).then_some(NO_REQUESTS),
        module: names.module(owner.map(|owner| owner.module).unwrap_or_default()),
        scope: names.scope(owner.map(|owner| owner.scope).unwrap_or_default()),
        thread: names.thread(owner.map_or(usize::MAX, |owner| owner.thread as usize)),
        stack: owner.map_or_else(Vec::new, |owner| names.definitions.frames(owner.stack)),
        age_ns: at.since(block.born),
    }
}
