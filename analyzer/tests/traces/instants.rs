//! The state of heaps at an instant: by hand, and against a naive model at every event.

use std::collections::BTreeMap;

use memtrace_analyzer::{
    Checkpoints, Nanos, Trace,
    instant::{BlockState, Instant, LiveHeap},
};
use memtrace_format::{Address, Event};
use proptest::prelude::*;

use crate::{
    naive::{BASE, Naive, SEGMENT, step},
    recording::{DEVICE, HOST, Recording, alloc, block, file, load, segment},
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
    assert_eq!((first.address.0, first.bytes.0, first.requested_bytes.0), (0x1000, 0x200, 0x180));
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
        }
    }
}

fn assert_is(instant: &Instant, naive: &Naive, born: &BTreeMap<u64, u64>) {
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
                assert_eq!((found.state, found.requested_bytes.0), (BlockState::Allocated, *requested))
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
