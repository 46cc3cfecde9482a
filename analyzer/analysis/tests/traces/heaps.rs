//! Peaks, their owners and fragmentation: by hand, and against a naive model.

use std::collections::BTreeMap;

use memtrace_analysis::{
    rendering::ReportText,
    report::{Known, Report, Share},
};
use memtrace_format::{
    Address, BlockAlloc, BlockFree, BlockOwned, Bytes, CounterDefinition, CounterId, Definition, Event,
    StackId, Unit, well_known::REQUESTED_TOTAL,
};
use proptest::prelude::*;

use crate::{
    naive::{BASE, Naive, SEGMENT, step},
    recording::{Analyzed, DEVICE, HOST, Recording, alloc, block, free, load, segment},
};

#[test]
fn a_peak_names_its_owners() {
    let mut recording = Recording::new();
    recording.thread(1, "main");
    recording.thread(2, "worker");
    let (job, step) = (recording.name(1, "job"), recording.name(2, "step"));
    let unet = recording.module(1, "unet", 0, 100);
    let block_0 = recording.module(2, "input.0", 1, 50);

    recording.at(1, 5, Event::ScopeBegin { name: job, phase: true });
    let transfer = load(unet, 100);
    let correlation = recording.begin(1, 10, transfer);
    recording.at(1, 11, alloc(DEVICE, 0x1000, 128, 100)); // unet's weights
    recording.end(1, 1, 12, correlation, transfer);
    recording.at(1, 13, Event::ScopeBegin { name: step, phase: false });
    recording.at(1, 14, Event::ForwardBegin(block_0));
    recording.at(1, 15, alloc(DEVICE, 0x2000, 64, 64)); // block_0's activation
    recording.at(1, 16, Event::ForwardEnd(block_0));
    recording.at(1, 17, alloc(DEVICE, 0x3000, 32, 32)); // nobody's
    recording.at(2, 18, alloc(DEVICE, 0x4000, 16, 16)); // the worker's: the peak
    recording.at(1, 20, free(DEVICE, 0x2000));
    recording.at(1, 21, alloc(DEVICE, 0x2000, 8, 8));
    recording.at(1, 22, Event::ScopeEnd { name: step });
    recording.at(1, 23, Event::ScopeEnd { name: job });

    let report = recording.report();
    let heap = &report.heaps[0];
    let peak = &heap.peak;
    assert_eq!(
        (heap.name.recorded(), heap.device, heap.kind, heap.known),
        ("cuda:0", Some(0), "device", Known::Exact)
    );
    assert_eq!((heap.allocs, heap.frees, heap.end_blocks), (5, 1, 4));
    assert_eq!((peak.time_ns.0, peak.event_index, peak.blocks_total), (18, 3, 4));
    assert_eq!(peak.figures.allocated_bytes, Bytes(240));
    assert_eq!(peak.figures.requested_bytes, Some(Bytes(212)));
    assert_eq!(peak.figures.reserved_bytes, None);
    assert!(peak.figures.reserved_bytes_why.is_some() && heap.fragmentation_why.is_some());
    let shares = |shares: &[Share]| -> Vec<(String, u64)> {
        shares.iter().map(|share| (share.name.to_string(), share.bytes.0)).collect()
    };
    let owned = |name: &str, bytes| (name.to_owned(), bytes);
    assert_eq!(shares(&peak.by_module), [owned("unet", 128), owned("unet.input.0", 64), owned("(none)", 48)]);
    assert_eq!(shares(&peak.by_scope), [owned("job", 128), owned("job / step", 96), owned("(none)", 16)]);
    assert_eq!(shares(&peak.by_thread), [owned("main", 224), owned("worker", 16)]);
    let largest = &peak.blocks[0];
    assert_eq!((largest.address.0, largest.bytes.0, largest.age_ns.0), (0x1000, 128, 7));
    assert_eq!(heap.end.allocated_bytes, Bytes(184));
}

#[test]
fn an_explicit_module_owns_its_block_whatever_is_open() {
    let mut recording = Recording::new();
    let (vae, unet) = (recording.module(1, "vae", 0, 1), recording.module(2, "unet", 0, 1));
    recording.at(1, 1, Event::ForwardBegin(unet));
    let Event::BlockAlloc(of_vae) = alloc(DEVICE, 64, 10, 10) else { unreachable!() };
    recording.at(1, 2, Event::BlockAlloc(BlockAlloc { module: vae, ..of_vae }));
    let report = recording.report();
    assert_eq!(report.heaps[0].peak.by_module[0].name.recorded(), "vae");
}

#[test]
fn a_block_that_a_stream_still_uses_is_active_and_no_hole() {
    let mut recording = Recording::new();
    recording.at(1, 0, Event::SegmentAlloc(segment(0x10_000, 1000)));
    recording.at(1, 1, alloc(DEVICE, 0x10_000, 400, 400));
    recording.at(1, 2, alloc(DEVICE, 0x10_000 + 400, 100, 90));
    recording.at(1, 3, Event::BlockFreeRequested(block(DEVICE, 0x10_000)));
    let report = recording.report();
    let heap = &report.heaps[0];
    assert_eq!(heap.end.allocated_bytes, Bytes(100));
    assert_eq!(heap.end.active_bytes, Bytes(500));
    assert_eq!(heap.end.reserved_bytes, Some(Bytes(1000)));
    let end = &heap.fragmentation.as_ref().unwrap().end;
    assert_eq!((end.inactive_bytes.0, end.free_blocks, end.largest_free_bytes.0), (500, 1, 500));
    assert_eq!(
        (end.external, end.active_over_reserved, end.internal_bytes),
        (Some(0.0), Some(0.5), Some(Bytes(10)))
    );
    assert_eq!(heap.peak.blocks_total, 2);

    recording.at(1, 4, Event::BlockFreeCompleted(block(DEVICE, 0x10_000)));
    let report = recording.report();
    let end = &report.heaps[0].fragmentation.as_ref().unwrap().end;
    assert_eq!((end.inactive_bytes.0, end.free_blocks, end.largest_free_bytes.0), (900, 2, 500));
    assert_eq!(report.heaps[0].end.active_bytes, Bytes(100));
    assert_eq!(report.heaps[0].frees, 1);
    assert!(report.trace.oddities.is_empty());
}

#[test]
fn holes_do_not_merge_across_segments_and_do_in_an_expandable_one() {
    for (expandable, holes, largest) in [(false, 2, 100), (true, 1, 200)] {
        let mut recording = Recording::new();
        for address in [0x1000, 0x1000 + 100] {
            let part = segment(address, 100);
            recording.at(1, 1, if expandable { Event::SegmentMap(part) } else { Event::SegmentAlloc(part) });
        }
        recording.at(1, 2, alloc(DEVICE, 0x1000 + 50, 50, 50));
        recording.at(1, 3, free(DEVICE, 0x1000 + 50));
        let report = recording.report();
        let end = &report.heaps[0].fragmentation.as_ref().unwrap().end;
        assert_eq!((end.free_blocks, end.largest_free_bytes.0), (holes, largest));
    }
}

#[test]
fn the_worst_fragmentation_is_most_bytes_outside_the_largest_hole() {
    let mut recording = Recording::new();
    recording.at(1, 0, Event::SegmentAlloc(segment(0, 1000)));
    for (time, at) in [(1, 0), (2, 100), (3, 200), (4, 300), (5, 400)] {
        recording.at(1, time, alloc(DEVICE, at, 100, 100));
    }
    recording.at(1, 6, free(DEVICE, 0)); // 100 beside 500
    recording.at(1, 7, free(DEVICE, 200)); // 200 beside 500
    recording.at(1, 8, free(DEVICE, 100)); // merged: 300 beside 500
    recording.at(1, 9, free(DEVICE, 300)); // merged: 400 beside 500
    recording.at(1, 10, free(DEVICE, 400)); // all free
    let report = recording.report();
    let worst = &report.heaps[0].fragmentation.as_ref().unwrap().worst;
    assert_eq!((worst.time_ns.0, worst.inactive_bytes.0, worst.free_blocks), (9, 900, 2));
    assert_eq!(worst.largest_free_bytes.0, 500);
    assert_eq!(report.heaps[0].reserved_peak.unwrap().bytes, Bytes(1000));
    assert_eq!(report.heaps[0].peak.time_ns.0, 5);
}

#[test]
fn what_was_live_before_is_baseline() {
    let mut recording = Recording::new();
    recording.at(1, 1, alloc(HOST, 64, 10, 10));
    recording.at(1, 2, Event::BlockFree(BlockFree { size: Bytes(500), ..block(HOST, 4096) }));
    let heap = &recording.report().heaps[0];
    assert_eq!((heap.known, heap.baseline_bytes), (Known::Baseline, Bytes(500)));
    assert_eq!((heap.peak.figures.allocated_bytes, heap.frees), (Bytes(10), 1));
    assert!(heap.device_why.is_some());
}

#[test]
fn a_lost_free_is_made_up_for() {
    let mut recording = Recording::new();
    recording.at(1, 0, Event::SegmentAlloc(segment(0, 100)));
    recording.at(1, 1, alloc(DEVICE, 0, 60, 60));
    recording.at(1, 2, alloc(DEVICE, 0, 30, 30));
    recording.at(1, 3, alloc(DEVICE, 30, 10, 10));
    recording.at(1, 4, Event::SegmentFree(segment(0, 0)));
    let report = recording.report();
    assert_eq!(report.heaps[0].end.allocated_bytes, Bytes(0));
    assert_eq!(report.heaps[0].end.reserved_bytes, Some(Bytes(0)));
    assert_eq!(report.heaps[0].peak.figures.allocated_bytes, Bytes(60));
    assert_eq!(report.trace.oddities["alloc at the address of a live block"], 1);
    assert_eq!(report.trace.oddities["block that was live when its segment was released"], 2);
}

/// Bytes, time, event, the heap then and the ages of its blocks.
type NaivePeak = (u64, u64, u64, Naive, BTreeMap<u64, u64>);

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_figure_of_a_heap_is_that_of_a_naive_model(steps in prop::collection::vec(step(), 1..120)) {
        let mut naive = Naive::default();
        let mut recording = Recording::new();
        recording.chunk_events = 50;
        let mut time = 0;
        let mut event_index = 0u64;
        let mut peak: Option<NaivePeak> = None;
        let mut born = BTreeMap::new();
        let mut worst = (0, 0);
        let mut reserved_peak = 0;
        for step in steps {
            let Some(event) = naive.perform(step) else { continue };
            if let Event::BlockAlloc(alloc) = event {
                born.insert(alloc.address.0 - BASE, time);
            }
            recording.at(1 + (time % 3) as u32, time, event);
            let allocated: u64 = naive.live.values().map(|(length, _)| length).sum();
            if allocated > peak.as_ref().map_or(0, |(most, ..)| *most) {
                let ages = born.iter().map(|(place, born)| (*place, time - born)).collect();
                peak = Some((allocated, time, event_index, naive.clone(), ages));
            }
            let holes = naive.holes();
            let wasted = holes.iter().sum::<u64>() - holes.iter().max().unwrap_or(&0);
            if wasted > worst.0 {
                worst = (wasted, time);
            }
            reserved_peak = reserved_peak.max(naive.segments.len() as u64 * SEGMENT);
            event_index += 1;
            time += 1;
        }
        let report = recording.report();
        prop_assert!(report.trace.oddities.is_empty(), "{:?}", report.trace.oddities);
        let Some(heap) = report.heaps.first() else { return Ok(()) };

        let holes = naive.holes();
        let live: u64 = naive.live.values().map(|(length, _)| length).sum();
        prop_assert_eq!(heap.end.allocated_bytes.0, live);
        prop_assert_eq!(heap.end.active_bytes.0, live + naive.pending.values().sum::<u64>());
        prop_assert_eq!(heap.end.requested_bytes.unwrap().0, naive.live.values().map(|(_, requested)| requested).sum::<u64>());
        prop_assert_eq!(heap.end_blocks, naive.live.len() as u64);
        if let Some(fragmentation) = &heap.fragmentation {
            prop_assert_eq!(heap.end.reserved_bytes.unwrap().0, naive.segments.len() as u64 * SEGMENT);
            prop_assert_eq!(heap.reserved_peak.unwrap().bytes.0, reserved_peak);
            prop_assert_eq!(fragmentation.end.inactive_bytes.0, holes.iter().sum::<u64>());
            prop_assert_eq!(fragmentation.end.free_blocks, holes.len() as u64);
            prop_assert_eq!(fragmentation.end.largest_free_bytes.0, holes.iter().max().copied().unwrap_or(0));
            let found = &fragmentation.worst;
            prop_assert_eq!(found.inactive_bytes.0 - found.largest_free_bytes.0, worst.0);
            prop_assert_eq!(found.time_ns.0, worst.1);
        }
        if let Some((allocated, time, event, at_peak, ages)) = peak {
            prop_assert_eq!(heap.peak.figures.allocated_bytes.0, allocated);
            prop_assert_eq!(heap.peak.time_ns.0, time);
            prop_assert_eq!(heap.peak.event_index, event);
            let mut blocks: Vec<_> =
                heap.peak.blocks.iter().map(|b| (b.address.0 - BASE, b.bytes.0, b.requested_bytes.unwrap().0, b.age_ns.0)).collect();
            blocks.sort_unstable();
            let expected: Vec<_> =
                at_peak.live.iter().map(|(&place, &(length, requested))| (place, length, requested, ages[&place])).collect();
            prop_assert_eq!(blocks, expected);
            let by_thread: u64 = heap.peak.by_thread.iter().map(|share| share.bytes.0).sum();
            prop_assert_eq!(by_thread, allocated);
            let fragmentation = &heap.fragmentation.as_ref().unwrap().at_peak;
            let holes = at_peak.holes();
            prop_assert_eq!(fragmentation.free_blocks, holes.len() as u64);
            prop_assert_eq!(fragmentation.largest_free_bytes.0, holes.iter().max().copied().unwrap_or(0));
        }
    }
}

#[test]
fn stacks_are_rendered_from_the_innermost_frame() {
    use memtrace_format::{Definition, StackDefinition};
    let mut recording = Recording::new();
    let (inner, outer, source) =
        (recording.name(1, "inner"), recording.name(2, "outer"), recording.name(3, "a.py"));
    let frame = |parent, function: memtrace_format::NameId, line| StackDefinition {
        parent,
        function: function.0,
        file: source.0,
        line,
        address: 0,
    };
    recording.definitions.push(Definition::Stack(StackId(1), frame(0, outer, 7)));
    recording.definitions.push(Definition::Stack(StackId(2), frame(1, inner, 9)));
    let Event::BlockAlloc(plain) = alloc(DEVICE, 64, 10, 10) else { unreachable!() };
    recording.at(1, 2, Event::BlockAlloc(BlockAlloc { stack: StackId(2), ..plain }));
    let stack = &recording.report().heaps[0].peak.blocks[0].stack;
    assert_eq!(
        stack.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["inner (a.py:9)", "outer (a.py:7)"]
    );
}

/// Weights that were made before their module was named are its from then on, at the peak that was before too. A block that has a module
/// keeps it, and one that is not there is nobody's.
#[test]
fn blocks_that_were_nobodys_are_adopted() {
    let mut recording = Recording::new();
    let [unet, vae] = [(1, "unet"), (2, "vae")].map(|(id, name)| recording.module(id, name, 0, 100));
    let owned =
        |module, address| Event::BlockOwned(BlockOwned { pool: DEVICE, address: Address(address), module });
    recording.at(1, 1, alloc(DEVICE, 0x1000, 512, 512));
    recording.at(1, 2, alloc(DEVICE, 0x2000, 256, 256));
    recording.at(1, 3, free(DEVICE, 0x2000));
    recording.at(1, 4, owned(unet, 0x1000));
    recording.at(1, 5, owned(vae, 0x1000));
    recording.at(1, 6, owned(unet, 0x2000));
    recording.at(1, 7, alloc(DEVICE, 0x2000, 128, 128));
    let report = recording.report();
    let shares = |shares: &[Share]| -> Vec<_> {
        shares.iter().map(|share| (share.name.recorded().to_owned(), share.bytes.0)).collect()
    };
    let peak = &report.heaps[0].peak;
    assert_eq!(peak.time_ns.0, 2);
    assert_eq!(shares(&peak.by_module), [("unet".to_owned(), 512), ("(none)".to_owned(), 256)]);
    assert_eq!(report.heaps[0].allocs, 3, "whose a block is does not change how many there are");
    let last =
        report.heaps[0].peak.blocks.iter().map(|block| (block.address.0, block.module.recorded().to_owned()));
    assert_eq!(last.collect::<Vec<_>>(), [(0x1000, "unet".to_owned()), (0x2000, "(none)".to_owned())]);
    assert!(report.trace.oddities.is_empty());
}

/// Where an allocator reports blocks alone, what was asked for is no copy of their sizes, but not known, for a reason.
#[test]
fn requests_that_are_not_told_are_not_known() {
    let mut recording = Recording::new();
    recording.at(1, 1, alloc(DEVICE, 0x1000, 512, 512));
    let known = recording.report();
    assert_eq!(known.heaps[0].end.requested_bytes, Some(Bytes(512)));
    let counter =
        CounterDefinition { name: format!("cuda:0{REQUESTED_TOTAL}"), unit: Unit::Bytes as u8, device: 0 };
    recording.definitions.push(Definition::Counter(CounterId(1), counter));
    let report = recording.report();
    let heap = &report.heaps[0];
    for figures in [&heap.end, &heap.peak.figures] {
        assert_eq!((figures.requested_bytes, figures.allocated_bytes), (None, Bytes(512)));
        assert!(figures.requested_bytes_why.is_some());
    }
    assert_eq!((heap.peak.blocks[0].requested_bytes, heap.peak.blocks[0].bytes), (None, Bytes(512)));
    let told = |report: &Report| {
        let text = ReportText(report).to_string();
        let row = text.lines().find(|line| line.trim_start().starts_with("at the end")).unwrap();
        row.split_whitespace().nth(3).unwrap() != "?"
    };
    assert!(told(&known) && !told(&report));
}
