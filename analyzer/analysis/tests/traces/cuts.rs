//! Cuts: what is told of a part of a trace is told of the part by itself.

mod sameness;

use memtrace_analysis::Trace;
use memtrace_format::{
    Address, BlockOwned, Bytes, CounterDefinition, CounterId, CounterValue, Definition, Ending, Event,
    ModuleId, NameId, OutOfMemory, StackDefinition, StackId, Unit,
};
use proptest::prelude::*;
use sameness::differences;

use crate::recording::{DEVICE, HOST, Moved, Recording, alloc, block, evict, file, free, load, segment};

const THREADS: u32 = 3;

/// Everything that an engine does, in an order that makes sense.
pub(crate) fn history(choices: &[[u32; 3]]) -> Recording {
    let mut recording = Recording::new();
    recording.chunk_events = 50;
    for thread in 1..=THREADS {
        recording.thread(thread, &format!("thread {thread}"));
    }
    let names: Vec<NameId> = (1..=4).map(|id| recording.name(id, &format!("name {id}"))).collect();
    let modules: Vec<ModuleId> = (1..=4)
        .map(|id| recording.module(id, &format!("module {id}"), if id == 4 { 1 } else { 0 }, 100))
        .collect();
    for (id, name, device) in
        [(1, "driver free", 1), (2, "driver total", 1), (3, "own device memory", 1), (4, "speed", 0)]
    {
        let counter = CounterDefinition { name: name.to_owned(), unit: Unit::Bytes as u8, device };
        recording.definitions.push(Definition::Counter(CounterId(id), counter));
    }
    for id in 1..=5 {
        let frame = StackDefinition { parent: id / 2, function: 10 + id, file: 0, line: id, address: 0 };
        recording.definitions.push(Definition::Stack(StackId(id), frame));
        recording.name(10 + id, &format!("function {id}"));
    }
    let mut segments = [false; 4];
    let mut blocks: Vec<(bool, u64, bool)> = Vec::new();
    let mut spans: [Vec<NameId>; THREADS as usize] = Default::default();
    let mut forwards: [Vec<ModuleId>; THREADS as usize] = Default::default();
    let mut transfers: Vec<(u32, u32, Moved)> = Vec::new();
    let (mut time, mut last) = (10, 0);
    for &[what, which, how] in choices {
        time += u64::from(what >> 16) % 3;
        let (which, how) = (which as usize, how as usize);
        let index = what as usize / 32 % THREADS as usize;
        let thread = index as u32 + 1;
        // What threads did at one time has no order.
        time += u64::from(thread != last);
        last = thread;
        let host = what & 1024 != 0;
        match what % 32 {
            0..=1 => {
                let slot = which % segments.len();
                segments[slot] = !segments[slot];
                let range = segment((slot as u64) << 16, 1 << 16);
                let inside = |&(host, address, _): &(bool, u64, bool)| !host && address >> 16 == slot as u64;
                if segments[slot] {
                    recording.at(thread, time, Event::SegmentAlloc(range));
                } else if blocks.iter().any(inside) {
                    segments[slot] = true;
                } else {
                    recording.at(thread, time, Event::SegmentFree(range));
                }
            }
            2..=9 => {
                let address = (which as u64 % 64) << 12;
                let there = host || segments[(address >> 16) as usize];
                if there && !blocks.iter().any(|&(other, start, _)| (other, start) == (host, address)) {
                    blocks.push((host, address, false));
                    let mut event =
                        alloc(if host { HOST } else { DEVICE }, address, 4096, 4096 - how as u64 % 3);
                    if let Event::BlockAlloc(alloc) = &mut event {
                        alloc.stack = StackId(how as u32 % 6);
                    }
                    recording.at(thread, time, event);
                }
            }
            10..=14 if !blocks.is_empty() => {
                let (host, address, pending) = blocks.swap_remove(which % blocks.len());
                let pool = if host { HOST } else { DEVICE };
                recording.at(
                    thread,
                    time,
                    match (pending, how % 3) {
                        (false, 0) => {
                            blocks.push((host, address, true));
                            Event::BlockFreeRequested(block(pool, address))
                        }
                        (false, _) => free(pool, address),
                        (true, _) => Event::BlockFreeCompleted(block(pool, address)),
                    },
                );
            }
            15..=16 => {
                spans[index].push(names[which % names.len()]);
                let (name, phase) = (names[which % names.len()], how % 2 == 0);
                recording.at(thread, time, Event::ScopeBegin { name, phase });
            }
            17..=18 => {
                if let Some(name) = spans[index].pop() {
                    recording.at(thread, time, Event::ScopeEnd { name });
                }
            }
            19..=20 => {
                forwards[index].push(modules[which % modules.len()]);
                recording.at(thread, time, Event::ForwardBegin(modules[which % modules.len()]));
            }
            21..=22 => {
                if let Some(module) = forwards[index].pop() {
                    recording.at(thread, time, Event::ForwardEnd(module));
                }
            }
            23..=25 => {
                let (module, other) = (modules[which % modules.len()], modules[how % modules.len()]);
                let room_for = if how % 8 < 4 { other } else { ModuleId::NONE };
                let bytes = [100, 100, 0][how / 8 % 3];
                let mut moved =
                    if which / 8 % 2 == 0 { load(module, 100) } else { evict(module, 100, room_for) };
                if how / 64 % 5 == 0 {
                    moved.module = ModuleId::NONE;
                }
                let correlation = recording.begin(thread, time, moved);
                transfers.push((thread, correlation, Moved { bytes, ..moved }));
            }
            26..=28 if !transfers.is_empty() => {
                let (origin, correlation, moved) = transfers.swap_remove(which % transfers.len());
                let ends_on = if how % 3 == 0 { thread } else { origin };
                recording.end(ends_on, origin, time, correlation, moved);
            }
            29 => {
                let value = match which % 4 {
                    3 if how % 5 == 0 => CounterValue::Float(f64::NAN),
                    _ => CounterValue::Integer(1 << 20 | u64::from(how as u32 % 100_000)),
                };
                recording.at(
                    thread,
                    time,
                    Event::CounterSample { counter: CounterId(which as u32 % 4 + 1), value },
                );
            }
            30 => recording.at(
                thread,
                time,
                Event::Mark { name: names[which % names.len()], value: how as u64 },
            ),
            _ if how % 4 == 0 => {
                let (pool, stack) = (if host { HOST } else { DEVICE }, StackId(which as u32 % 6));
                let failed = OutOfMemory { pool, requested: Bytes(how as u64), free: None, stack };
                recording.at(thread, time, Event::OutOfMemory(failed));
            }
            _ if how % 4 == 1 => {
                recording.at(thread, time, Event::ModuleReleased(modules[which % modules.len()]))
            }
            _ if how % 4 == 2 && !blocks.is_empty() => {
                let (host, address, _) = blocks[which % blocks.len()];
                let pool = if host { HOST } else { DEVICE };
                let module = modules[how / 4 % modules.len()];
                let owned = BlockOwned { pool, address: Address(address), module };
                recording.at(thread, time, Event::BlockOwned(owned));
            }
            _ => recording.at(thread, time, Event::ModuleDefined(modules[which % modules.len()])),
        }
    }
    recording.close(Ending::Clean, time + 5);
    recording
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_cut_tells_what_its_trace_tells_of_the_part(
        choices in prop::collection::vec(any::<[u32; 3]>(), 1..600),
        ends in prop::collection::vec(any::<[prop::sample::Index; 2]>(), 4),
    ) {
        let recording = history(&choices);
        prop_assume!(!recording.threads.is_empty());
        let whole = file(&recording.bytes());
        let whole = Trace::open(whole.path()).expect("a readable trace");
        let end = recording.closing.as_ref().unwrap().end.ticks.0;
        for ends in ends {
            let mut ends = ends.map(|end_at| 1 + end_at.index(end as usize) as u64);
            ends.sort_unstable();
            let found = differences(&whole, ends[0], ends[1]);
            prop_assert!(found.is_empty(), "from {} to {}: {found:#?}", ends[0], ends[1]);
        }
    }
}
