//! The state from any checkpoint is that from the beginning.

use std::num::NonZeroU64;

use memtrace_analysis::{Checkpoints, Nanos, Trace, snapshot::HeapSnapshot};
use memtrace_format::{Event, ModuleId, NameId};
use proptest::prelude::*;

use crate::{
    naive::{Naive, Step, step},
    recording::{DEVICE, HOST, Recording, alloc, evict, file, free, load},
};

/// What a program with three threads does.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Heap(Step),
    Enter(u32),
    Leave(u32),
    Forward(u32),
    Back(u32),
    Move {
        module: u32,
        evict: bool,
    },
    Arrive,
    /// What a sound program does not do.
    Odd {
        address: u64,
        size: u64,
        give_back: bool,
        host: bool,
    },
}

fn deed() -> impl Strategy<Value = Deed> {
    let odd = (0u64..1 << 9, 0u64..9, any::<bool>(), any::<bool>());
    prop_oneof![
        12 => step().prop_map(Deed::Heap),
        2 => (1u32..4).prop_map(Deed::Enter),
        2 => (1u32..4).prop_map(Deed::Leave),
        1 => (1u32..4).prop_map(Deed::Forward),
        1 => (1u32..4).prop_map(Deed::Back),
        1 => (1u32..4, any::<bool>()).prop_map(|(module, evict)| Deed::Move { module, evict }),
        1 => Just(Deed::Arrive),
        2 => odd.prop_map(|(address, size, give_back, host)| Deed::Odd { address, size, give_back, host }),
    ]
}

/// The recording, and when its events happen: several may share an instant.
fn record(deeds: &[(Deed, u32, u64)]) -> (Recording, Vec<u64>) {
    let mut recording = Recording::new();
    recording.chunk_events = 5;
    let names: Vec<NameId> = (1..4).map(|id| recording.name(id, ["a", "b", "c"][id as usize - 1])).collect();
    let modules: Vec<ModuleId> =
        (1..4).map(|id| recording.module(id, ["u", "v", "w"][id as usize - 1], 0, 9)).collect();
    let mut naive = Naive::default();
    let mut under_way = Vec::new();
    let (mut time, mut times) = (0, Vec::new());
    for &(deed, thread, wait) in deeds {
        time += wait;
        let thread = thread + 1;
        let name = |id: u32| names[id as usize - 1];
        let module = |id: u32| modules[id as usize - 1];
        let event = match deed {
            Deed::Heap(step) => naive.perform(step),
            Deed::Enter(id) => Some(Event::ScopeBegin { name: name(id), phase: id == 1 }),
            Deed::Leave(id) => Some(Event::ScopeEnd { name: name(id) }),
            Deed::Forward(id) => Some(Event::ForwardBegin(module(id))),
            Deed::Back(id) => Some(Event::ForwardEnd(module(id))),
            Deed::Move { module: id, evict: out } => {
                let moved = if out { evict(module(id), 9, ModuleId::NONE) } else { load(module(id), 9) };
                under_way.push((thread, recording.begin(thread, time, moved), moved));
                times.push(time);
                None
            }
            Deed::Arrive => {
                if let Some((origin, correlation, moved)) = under_way.pop() {
                    recording.end(thread, origin, time, correlation, moved);
                    times.push(time);
                }
                None
            }
            Deed::Odd { address, size, give_back, host } => {
                let pool = if host { HOST } else { DEVICE };
                Some(if give_back { free(pool, address) } else { alloc(pool, address, size, size) })
            }
        };
        if let Some(event) = event {
            recording.at(thread, time, event);
            times.push(time);
        }
    }
    (recording, times)
}

/// All that an instant says, with names for owners.
fn told(instant: &HeapSnapshot) -> String {
    let mut text = String::new();
    for heap in &instant.heaps {
        text += &format!(
            "{} {} {:?} {:?} {:?}\n",
            heap.name, heap.events, heap.figures, heap.segments, heap.holes
        );
        for block in &heap.blocks {
            let owner = instant.owner(block);
            text += &format!(
                "{} {} {} {:?} ",
                block.address,
                block.bytes,
                block.requested_bytes.expect("requests are told"),
                block.state
            );
            text += &format!("{} {} {:?} ", block.is_placed, block.born_ns, block.born_event);
            text += &format!("{} {} {}\n", owner.module, owner.scope, owner.thread);
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_state_from_any_checkpoint_is_that_from_the_beginning(
        deeds in prop::collection::vec((deed(), 0u32..3, 0u64..3), 1..150),
        every in 1u64..12,
    ) {
        let (recording, times) = record(&deeds);
        let file = file(&recording.bytes());
        let trace = Trace::open(file.path()).unwrap();
        let none = Checkpoints::default();
        let near = trace.checkpoints(NonZeroU64::new(every).unwrap()).unwrap();
        prop_assert_eq!(near.times().len() as u64, times.len() as u64 / every);
        prop_assert!(near.times().is_sorted());
        for &time in &times {
            let (here, there) = (trace.at(&near, Nanos(time)).unwrap(), trace.at(&none, Nanos(time)).unwrap());
            prop_assert_eq!(told(&here), told(&there), "at {}", time);
            for (heap, state) in there.heaps.iter().enumerate() {
                let latest = state.events - 1;
                // Only if it is known to have happened at this time.
                if state.blocks.iter().all(|block| block.born_ns.0 != time || block.born_event != Some(latest)) {
                    continue;
                }
                let here = trace.at_event(&near, Nanos(time), heap, latest).unwrap();
                let there = trace.at_event(&none, Nanos(time), heap, latest).unwrap();
                prop_assert_eq!(told(&here), told(&there), "event {} of heap {}", latest, heap);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]
    /// So many chunks that reading them has a thread of its own, unless it is to have none.
    #[test]
    fn one_thread_finds_what_two_find(
        deeds in prop::collection::vec((deed(), 0u32..3, 0u64..3), 400..600),
    ) {
        let (recording, times) = record(&deeds);
        let file = file(&recording.bytes());
        let (two, one) = (Trace::open(file.path()).unwrap(), Trace::open(file.path()).unwrap().with_one_thread());
        let report = |trace: &Trace| serde_json::to_value(trace.analyze(|_| ()).unwrap().report).unwrap();
        let found = report(&two);
        prop_assert!(found["trace"]["chunks"]["events"].as_u64().unwrap() >= 32, "{}", found["trace"]["chunks"]);
        prop_assert_eq!(found, report(&one));
        let none = Checkpoints::default();
        let time = Nanos(times[times.len() / 2]);
        prop_assert_eq!(told(&two.at(&none, time).unwrap()), told(&one.at(&none, time).unwrap()));
    }
}

#[test]
fn what_is_looked_at_again_is_told_of_as_well() {
    let rounds = |sizes: &[u64]| {
        let mut recording = Recording::new();
        for (time, &size) in (0..).step_by(2).zip(sizes) {
            recording.at(1, time, alloc(HOST, 64, size, size));
            recording.at(1, time + 1, free(HOST, 64));
        }
        let file = file(&recording.bytes());
        let mut ends = 0;
        let watch =
            |progress: memtrace_analysis::Progress| ends += u64::from(progress.done == progress.total);
        Trace::open(file.path()).unwrap().analyze(watch).unwrap();
        ends
    };
    assert_eq!(rounds(&[100]), 1);
    // Whose the second peak was is not known after one round.
    assert_eq!(rounds(&[100, 90]), 2);
}

#[test]
fn a_long_trace_is_resumed_and_not_replayed_from_its_beginning() {
    let mut recording = Recording::new();
    for n in 0..700_000u64 {
        let place = n / 2 % 100 * 64;
        recording.at(1, n, if n % 2 == 0 { alloc(HOST, place, 64, 64) } else { free(HOST, place) });
    }
    let file = file(&recording.bytes());
    let trace = Trace::open(file.path()).unwrap();
    let analysis = trace.analyze(|_| ()).unwrap();
    let times = analysis.checkpoints.times();
    assert!(times.len() >= 2, "{times:?}");
    for time in [times[0].0 - 1, times[0].0, times[0].0 + 1, times[1].0, 699_999] {
        let near = trace.at(&analysis.checkpoints, Nanos(time)).unwrap();
        let far = trace.at(&Checkpoints::default(), Nanos(time)).unwrap();
        assert_eq!(told(&near), told(&far));
        assert_eq!(near.heaps[0].events, time + 1);
    }
}
