//! The state of heaps at an instant: by hand, and against a naive model at every event.

use std::collections::BTreeMap;

use memtrace_analysis::{
    Checkpoints, Nanos, SnapshotAt, Trace,
    diff::{Flow, HeapFlow, Lot, SnapshotsDiff},
    rendering::SnapshotsDiffText,
    report::Layout,
    snapshot::{BlockState, HeapSnapshot, LiveHeap},
};
use memtrace_format::{Address, Bytes, Event};
use proptest::prelude::*;

use crate::{
    naive::{BASE, Naive, SEGMENT, step},
    recording::{Analyzed, DEVICE, HOST, Recording, alloc, block, file, free, load, segment},
};

#[test]
fn an_instant_has_every_event_up_to_it_and_none_behind() {
    let mut recording = Recording::new();
    recording.thread(1, "main");
    let (job, unet) = (recording.name(1, "job"), recording.module(1, "unet", 0, 100));
    recording.at(1, 5, Event::SegmentAlloc(segment(0x1000, 0x1000)));
    recording.at(1, 6, Event::ScopeBegin { name: job, phase: false });
    let transfer = load(unet, 100);
    let correlation = recording.begin(1, 10, transfer);
    recording.at(1, 10, alloc(DEVICE, 0x1000, 0x200, 0x180));
    recording.at(1, 10, alloc(DEVICE, 0x1400, 0x100, 0x100));
    recording.end(1, 1, 12, correlation, transfer);
    recording.at(1, 13, Event::BlockFreeRequested(block(DEVICE, 0x1400)));
    recording.at(1, 14, alloc(HOST, 64, 8, 8));
    let file = file(&recording.bytes());
    let trace = Trace::open(file.path()).unwrap();
    let at = |time| trace.at(&Checkpoints::default(), Nanos(time)).unwrap();

    assert!(at(4).heaps.is_empty());
    assert_eq!(at(9).heaps[0].events, 1);
    let both = at(10);
    let heap = both.heap("cuda:0").unwrap();
    assert_eq!((heap.events, heap.device, heap.figures.allocated_bytes.0), (3, Some(0), 0x300));
    let first = heap.block_at(Address(0x11ff)).unwrap();
    assert_eq!((first.address.0, first.bytes.0, first.requested_bytes.unwrap().0), (0x1000, 0x200, 0x180));
    assert_eq!((first.born_ns, first.born_event, first.state), (Nanos(10), Some(1), BlockState::Allocated));
    let owner = both.owner(first);
    assert_eq!(
        [&owner.module, &owner.scope, &owner.thread].map(|name| name.recorded()),
        ["unet", "job", "main"]
    );
    assert!(heap.block_at(Address(0x1200)).is_none() && heap.block_at(Address(0xfff)).is_none());
    assert_eq!(heap.hole_at(Address(0x13ff)).unwrap().bytes.0, 0x200);
    assert!(heap.hole_at(Address(0x1400)).is_none());
    let held = heap.segment_at(Address(0x1fff)).unwrap();
    assert_eq!((held.bytes.0, held.free_bytes.0), (0x1000, 0xd00));
    assert_eq!((held.blocks.clone(), held.holes.clone()), (0..2, 0..2));
    assert_eq!((held.pool.as_ref().unwrap().recorded(), held.stream), ("pool", Some(0)));
    assert!(heap.segment_at(Address(0x2000)).is_none());

    let one = trace.at_event(&Checkpoints::default(), Nanos(10), 0, 1).unwrap();
    assert_eq!((one.time_ns, one.heaps[0].blocks.len()), (Nanos(10), 1));
    let end = at(u64::MAX);
    let heap = &end.heaps[0];
    assert_eq!((heap.figures.allocated_bytes.0, heap.figures.active_bytes.0), (0x200, 0x300));
    assert_eq!(heap.block_at(Address(0x1400)).unwrap().state, BlockState::Pending);
    assert_eq!(heap.counted().count(), 1);
    let host = end.heap("host").unwrap();
    assert!(host.segments.is_none() && host.blocks.len() == 1 && !host.blocks[0].is_placed);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_instant_is_that_of_a_naive_model(steps in prop::collection::vec(step(), 1..80)) {
        let mut naive = Naive::default();
        let mut recording = Recording::new();
        recording.chunk_events = 9;
        let mut history = Vec::new();
        let mut born = BTreeMap::new();
        for step in steps {
            let time = history.len() as u64;
            let Some(event) = naive.perform(step) else { continue };
            if let Event::BlockAlloc(alloc) = event {
                born.insert(alloc.address.0 - BASE, time);
            }
            recording.at(1 + (time % 3) as u32, time, event);
            history.push((naive.clone(), born.clone()));
        }
        let file = file(&recording.bytes());
        let trace = Trace::open(file.path()).unwrap();
        for (index, (naive, born)) in history.iter().enumerate() {
            let by_time = trace.at(&Checkpoints::default(), Nanos(index as u64)).unwrap();
            assert_is(&by_time, naive, born);
            let by_event = trace.at_event(&Checkpoints::default(), Nanos(index as u64), 0, index as u64).unwrap();
            assert_is(&by_event, naive, born);
            prop_assert_eq!(by_time.heaps[0].events, index as u64 + 1);
            let other = &history[index / 2];
            let [a, b] = [index, index / 2].map(|index| SnapshotAt::At(Nanos(index as u64)));
            let diff = trace.compare(&Checkpoints::default(), &a, &b).unwrap();
            assert_flow(&diff.heaps[0], (naive, born), (&other.0, &other.1));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_is_looked_at_again_is_what_a_naive_model_has(steps in prop::collection::vec(step(), 1..120)) {
        let mut naive = Naive::default();
        let mut recording = Recording::new();
        let mut history: Vec<Naive> = Vec::new();
        let mut whose = BTreeMap::new();
        let mut owners = Vec::new();
        for step in steps {
            let time = history.len() as u64;
            let Some(event) = naive.perform(step) else { continue };
            let thread = 1 + (time % 3) as u32;
            if let Event::BlockAlloc(alloc) = event {
                whose.insert(alloc.address.0 - BASE, (time, thread));
            }
            recording.at(thread, time, event);
            history.push(naive.clone());
            owners.push(whose.clone());
        }
        let report = recording.report();
        let Some(heap) = report.heaps.first() else { return Ok(()) };
        if let Some(fragmentation) = &heap.fragmentation {
            assert_layout(&fragmentation.end.layout, &naive);
            prop_assert_eq!(fragmentation.end.pinned_bytes.0, pinned(&naive));
            for at in [&fragmentation.at_peak, &fragmentation.worst, &fragmentation.most_pinned] {
                let then = &history[at.time_ns.0 as usize];
                assert_layout(&at.layout, then);
                prop_assert_eq!(at.pinned_bytes.0, pinned(then));
            }
            let most = history.iter().map(pinned).max();
            prop_assert_eq!(Some(fragmentation.most_pinned.pinned_bytes.0), most);
        }
        prop_assert!(heap.peaks_total >= heap.peaks.len() as u64);
        for (rank, peak) in heap.peaks.iter().enumerate() {
            let index = peak.time_ns.0 as usize;
            let live = &history[index].live;
            let sum: u64 = live.values().map(|(length, _)| length).sum();
            prop_assert_eq!((peak.event_index, peak.figures.allocated_bytes.0), (index as u64, sum));
            if rank == 0 {
                prop_assert_eq!((heap.peak.time_ns, heap.peak.event_index), (peak.time_ns, peak.event_index));
                prop_assert_eq!(&heap.peak.by_thread, &peak.breakdown.by_thread);
                prop_assert_eq!(&heap.peak.by_size, &peak.breakdown.by_size);
                prop_assert_eq!(&heap.peak.by_age, &peak.breakdown.by_age);
                prop_assert_eq!(&heap.peak.by_stack, &peak.breakdown.by_stack);
            }
            prop_assert!(peak.breakdown_why.is_none());
            let mut threads = BTreeMap::new();
            let mut sizes = BTreeMap::new();
            for (place, (length, _)) in live {
                *threads.entry(format!("<lost #{}>", owners[index][place].1)).or_insert(0) += length;
                let class = sizes.entry(1 << length.ilog2()).or_insert((0, 0));
                *class = (class.0 + length, class.1 + 1);
            }
            let by_thread = peak.breakdown.by_thread.iter().map(|share| (share.name.recorded().to_owned(), share.bytes.0));
            prop_assert_eq!(by_thread.collect::<BTreeMap<_, _>>(), threads);
            let by_size = peak.breakdown.by_size.iter().map(|class| (class.from_bytes.0, (class.bytes.0, class.blocks)));
            prop_assert_eq!(by_size.collect::<BTreeMap<_, _>>(), sizes);
            prop_assert_eq!(peak.breakdown.by_age.iter().map(|class| class.bytes.0).sum::<u64>(), sum);
            prop_assert_eq!(peak.breakdown.by_stack.iter().map(|share| (share.bytes.0, share.blocks)).next(), Some((sum, live.len() as u64)));
        }
    }
}

/// What is free in segments that are not wholly free.
fn pinned(naive: &Naive) -> u64 {
    let free = |(start, length): (u64, u64)| {
        (start..start + length).filter(|&place| !naive.is_used(place)).count() as u64
    };
    let segments = naive.joined_segments().into_iter().map(|segment| (free(segment), segment.1));
    segments.filter(|(free, length)| free < length).map(|(free, _)| free).sum()
}

fn assert_layout(layout: &Layout, naive: &Naive) {
    let mut segments: Vec<_> =
        layout.segments.iter().map(|segment| (segment.address.0 - BASE, segment.bytes.0)).collect();
    segments.sort_unstable();
    assert_eq!(segments, naive.joined_segments());
    assert_eq!(layout.segments_total, Some(segments.len() as u64));
    assert!(layout.segments.windows(2).all(|two| two[0].free_bytes >= two[1].free_bytes));
    let holes = naive.hole_ranges();
    for segment in &layout.segments {
        let places = segment.address.0 - BASE..segment.address.0 - BASE + segment.bytes.0;
        let inside: Vec<u64> =
            holes.iter().filter(|(start, _)| places.contains(start)).map(|(_, length)| *length).collect();
        assert_eq!(segment.free_bytes.0, inside.iter().sum::<u64>());
        assert_eq!(segment.free_blocks, inside.len() as u64);
        assert_eq!(segment.largest_free_bytes.0, inside.iter().copied().max().unwrap_or(0));
        assert_eq!(segment.active_bytes.0, segment.bytes.0 - segment.free_bytes.0);
        assert_eq!(
            segment.blocks_by_size.iter().map(|class| class.bytes.0).sum::<u64>(),
            segment.active_bytes.0
        );
        let allocated = naive.live.iter().filter(|(place, _)| places.contains(place));
        let internal: u64 = allocated.map(|(_, (length, requested))| length - requested).sum();
        let pending = naive.pending.keys().any(|place| places.contains(place));
        assert!(
            segment.internal_bytes.expect("requests are told").0 == internal
                || (pending && segment.internal_bytes.expect("requests are told").0 > internal)
        );
    }
    let by_size = layout.free_by_size.iter();
    assert_eq!(by_size.map(|class| class.blocks).sum::<u64>(), holes.len() as u64);
    // What can go by itself: a segment, or the part of an expandable one that was mapped by itself.
    let units = naive.segments.keys().map(|number| (number * SEGMENT, SEGMENT));
    let free = units.filter(|(start, length)| (*start..start + length).all(|place| !naive.is_used(place)));
    assert_eq!(layout.unpinned_bytes.0, free.map(|(_, length)| length).sum::<u64>());
    for pin in &layout.pins {
        assert!(pin.frees_bytes.0 >= 2 * pin.releases_bytes.0);
        let listed: u64 = pin.blocks.iter().map(|block| block.bytes.0).sum();
        match pin.blocks.len() as u64 == pin.blocks_total {
            true => assert_eq!(listed, pin.releases_bytes.0),
            false => assert!(pin.blocks.len() == 5 && listed < pin.releases_bytes.0),
        }
        for block in &pin.blocks {
            let place = block.address.0 - BASE;
            let held = if block.is_pending {
                naive.pending.get(&place).copied()
            } else {
                naive.live.get(&place).map(|live| live.0)
            };
            assert_eq!(held, Some(block.bytes.0));
        }
    }
}

fn assert_is(instant: &HeapSnapshot, naive: &Naive, born: &BTreeMap<u64, u64>) {
    let heap = &instant.heaps[0];
    let live = naive.live.iter().map(|(&place, &(length, requested))| (place, (length, Some(requested))));
    let pending = naive.pending.iter().map(|(&place, &length)| (place, (length, None)));
    let blocks: BTreeMap<u64, (u64, Option<u64>)> = live.chain(pending).collect();
    assert_eq!(heap.blocks.len(), blocks.len());
    for (found, (place, (length, requested))) in heap.blocks.iter().zip(&blocks) {
        assert_eq!((found.address.0 - BASE, found.bytes.0), (*place, *length));
        assert_eq!((found.born_ns.0, found.born_event), (born[place], Some(born[place])));
        assert!(found.is_placed);
        match requested {
            Some(requested) => {
                assert_eq!(
                    (found.state, found.requested_bytes.expect("requests are told").0),
                    (BlockState::Allocated, *requested)
                )
            }
            None => assert_eq!(found.state, BlockState::Pending),
        }
    }
    let holes: Vec<_> = heap.holes.iter().map(|hole| (hole.address.0 - BASE, hole.bytes.0)).collect();
    assert_eq!(holes, naive.hole_ranges());
    let Some(segments) = &heap.segments else { return assert!(naive.segments.is_empty()) };
    let ranges: Vec<_> = segments.iter().map(|segment| (segment.address.0 - BASE, segment.bytes.0)).collect();
    assert_eq!(ranges, naive.joined_segments());
    for segment in segments {
        let places = segment.address.0 - BASE..segment.address.0 - BASE + segment.bytes.0;
        assert_eq!(
            segment.free_bytes.0,
            places.clone().filter(|&place| !naive.is_used(place)).count() as u64
        );
        let starts = |place: u64| places.contains(&place);
        let blocks = &heap.blocks[segment.blocks.clone()];
        assert!(blocks.iter().all(|block| starts(block.address.0 - BASE)));
        assert_eq!(blocks.len(), heap.blocks.iter().filter(|block| starts(block.address.0 - BASE)).count());
        let holes = &heap.holes[segment.holes.clone()];
        assert_eq!(holes.iter().map(|hole| hole.bytes.0).sum::<u64>(), segment.free_bytes.0);
        let expandable = naive.segments[&(places.start / SEGMENT)];
        assert_eq!(segment.granule_bytes.map(|granule| granule.0), expandable.then_some(SEGMENT));
    }
    assert_lookups(heap, naive);
}

/// What the program holds at one instant and not at the other, and the sums over all lists.
fn assert_flow(heap: &HeapFlow, a: (&Naive, &BTreeMap<u64, u64>), b: (&Naive, &BTreeMap<u64, u64>)) {
    let lot = |from: (&Naive, &BTreeMap<u64, u64>), without: Option<(&Naive, &BTreeMap<u64, u64>)>| {
        let stays = |place: &u64| {
            without
                .is_some_and(|(naive, born)| naive.live.contains_key(place) && born[place] == from.1[place])
        };
        let blocks: Vec<u64> =
            from.0.live.iter().filter(|(place, _)| !stays(place)).map(|(_, (length, _))| *length).collect();
        (blocks.len() as u64, blocks.iter().sum::<u64>())
    };
    let flow = |flow: &Flow| [flow.a, flow.b, flow.new, flow.gone].map(|lot| (lot.blocks, lot.bytes.0));
    let expected = [lot(a, None), lot(b, None), lot(b, Some(a)), lot(a, Some(b))];
    assert_eq!(flow(&heap.all), expected);
    assert_eq!(heap.allocated_bytes.difference, Some(expected[1].1 as i64 - expected[0].1 as i64));
    assert_eq!(
        (heap.new_blocks.len(), heap.gone_blocks.len()),
        (expected[2].0 as usize, expected[3].0 as usize)
    );
    let sum = |flows: &mut dyn Iterator<Item = Flow>| {
        flows.fold([(0, 0); 2], |sum, flow| {
            let add = |sum: (u64, u64), lot: Lot| (sum.0 + lot.blocks, sum.1 + lot.bytes.0);
            [add(sum[0], flow.new), add(sum[1], flow.gone)]
        })
    };
    for listed in [
        sum(&mut heap.by_module.iter().map(|owner| owner.flow)),
        sum(&mut heap.by_scope.iter().map(|owner| owner.flow)),
        sum(&mut heap.by_thread.iter().map(|owner| owner.flow)),
        sum(&mut heap.by_stack.iter().map(|stack| stack.flow)),
        sum(&mut heap.by_size.iter().map(|class| class.flow)),
        sum(&mut heap.by_age.iter().map(|class| class.flow)),
    ] {
        assert_eq!(listed, [expected[2], expected[3]]);
    }
}

/// Two peaks of a job: what the first had is gone, but for what stays, and what grew is told by its owner.
#[test]
fn what_differs_between_two_peaks_is_told_by_owner() {
    let mut recording = Recording::new();
    recording.thread(1, "main");
    let (encode, decode) = (recording.name(1, "encode"), recording.name(2, "decode"));
    recording.at(1, 1, alloc(DEVICE, 0x1000, 1000, 1000));
    recording.at(1, 10, Event::ScopeBegin { name: encode, phase: false });
    recording.at(1, 20, alloc(DEVICE, 0x2000, 5000, 5000));
    recording.at(1, 30, Event::ScopeEnd { name: encode });
    recording.at(1, 40, free(DEVICE, 0x2000));
    recording.at(1, 50, Event::ScopeBegin { name: decode, phase: false });
    recording.at(1, 55, alloc(DEVICE, 0x2000, 5000, 5000));
    recording.at(1, 60, alloc(DEVICE, 0x4000, 2000, 2000));
    recording.at(1, 70, Event::ScopeEnd { name: decode });
    recording.at(1, 2_000_000_000, free(DEVICE, 0x4000));
    let file = file(&recording.bytes());
    let trace = Trace::open(file.path()).unwrap();
    let compare = |a: &str, b: &str| {
        let [a, b] = [a, b].map(|when| when.parse().unwrap());
        trace.compare(&Checkpoints::default(), &a, &b).unwrap()
    };
    let diff = compare("peak#2", "peak");
    assert_eq!((diff.a_ns, diff.b_ns), (Nanos(20), Nanos(60)));
    let heap = &diff.heaps[0];
    let lot = |blocks, bytes| Lot { blocks, bytes: Bytes(bytes) };
    // The block at the same address is another one.
    assert_eq!((heap.all.new, heap.all.gone), (lot(2, 7000), lot(1, 5000)));
    assert_eq!((heap.all.a, heap.all.b), (lot(2, 6000), lot(3, 8000)));
    let scopes: Vec<_> =
        heap.by_scope.iter().map(|of| (of.name.recorded(), of.flow.new, of.flow.gone)).collect();
    assert_eq!(scopes, [("decode", lot(2, 7000), lot(0, 0)), ("encode", lot(0, 0), lot(1, 5000))]);
    let sizes: Vec<_> =
        heap.by_size.iter().map(|of| (of.from_bytes.0, of.flow.new.bytes.0, of.flow.gone.bytes.0)).collect();
    assert_eq!(sizes, [(512, 0, 0), (1024, 2000, 0), (4096, 5000, 5000)]);
    let text = SnapshotsDiffText(&diff).to_string();
    assert!(text.contains("new 6.84 KiB in 2, gone 4.88 KiB in 1"), "{text}");
    assert!(
        text.contains("by scope") && !text.contains("by module") && !text.contains("by thread"),
        "{text}"
    );
    // What stays grows older.
    let ages = |diff: &SnapshotsDiff| -> Vec<_> {
        diff.heaps[0].by_age.iter().map(|of| (of.from_ns.0, of.flow.a.blocks, of.flow.b.blocks)).collect()
    };
    assert_eq!(ages(&compare("peak", "end")), [(0, 3, 0), (1_000_000_000, 0, 2)]);
    assert!(compare("end", "end").heaps[0].is_same());
    assert!(SnapshotsDiffText(&compare("peak", "peak")).to_string().contains("nothing came or went"));
    // Before a heap's first event there is nothing of it.
    let from_nothing = compare("0ns", "end");
    assert_eq!((from_nothing.heaps[0].all.a, from_nothing.heaps[0].all.new), (lot(0, 0), lot(2, 6000)));
    assert_eq!(from_nothing.heaps[0].allocated_bytes.difference, Some(6000));
}

/// Every place is a block's, a hole's or nobody's.
fn assert_lookups(heap: &LiveHeap, naive: &Naive) {
    for place in 0..6 * SEGMENT {
        let address = Address(BASE + place);
        assert_eq!(heap.block_at(address).is_some(), naive.is_used(place));
        let reserved = naive.segments.contains_key(&(place / SEGMENT));
        assert_eq!(heap.segment_at(address).is_some(), reserved);
        assert_eq!(heap.hole_at(address).is_some(), reserved && !naive.is_used(place));
    }
}
