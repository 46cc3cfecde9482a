//! Memory that repeating cycles retain.

use std::collections::BTreeMap;

use memtrace_analysis::{
    Nanos, Trace, TraceRange,
    report::{Cycle, CycleSource, FindingVerdict, Growth, Report, Shape},
};
use memtrace_format::{
    Address, BlockAlloc, Bytes, Definition, Ending, Event, ModuleDefinition, ModuleId, NameId, PoolId,
    StackId,
};
use proptest::prelude::*;

use crate::recording::{Analyzed, DEVICE, GPU, HOST, Recording, alloc, evict, file, free, load};

/// A leak and what goes with it: each job keeps a block, uses and returns another, and stands on what was there before.
fn leaking(jobs: u64, kept: impl Fn(u64) -> u64) -> Recording {
    let mut recording = Recording::new();
    let job = recording.name(1, "job");
    let unet = recording.module(1, "unet", 0, 100);
    recording.at(1, 0, alloc(DEVICE, 0, 5_000, 5_000));
    for number in 0..jobs {
        let time = 100 * number + 10;
        recording.at(1, time, Event::ScopeBegin { name: job, phase: false });
        recording.at(1, time + 1, alloc(DEVICE, 1 << 40, 700, 700));
        if kept(number) > 0 {
            recording.at(1, time + 2, Event::ForwardBegin(unet));
            recording.at(1, time + 3, alloc(DEVICE, (number + 1) << 20, kept(number), kept(number)));
            recording.at(1, time + 4, Event::ForwardEnd(unet));
        }
        recording.at(1, time + 5, free(DEVICE, 1 << 40));
        recording.at(1, time + 90, Event::ScopeEnd { name: job });
    }
    recording
}

fn cycle<'a>(growth: &'a Growth, name: &str) -> &'a Cycle {
    growth.cycles.iter().find(|cycle| cycle.name.recorded() == name).expect("it is found")
}

fn shape_of(report: &Report, name: &str) -> Shape {
    cycle(&report.growth, name).heaps[0].trend.shape
}

#[test]
fn a_leak_is_found_with_its_owner_and_to_the_byte() {
    let report = leaking(8, |_| 64).report();
    let found = &report.growth.cycles[0];
    assert_eq!((found.name.recorded(), found.source, found.count), ("job", CycleSource::Scope, 8));
    assert_eq!((found.first_ns, found.last_ns), (Nanos(100), Nanos(800)));
    let heap = &found.heaps[0];
    assert_eq!((heap.heap.recorded(), heap.device, heap.trend.shape), ("cuda:0", Some(0), Shape::Grows));
    for trend in [&found.trend, &heap.trend] {
        assert_eq!((trend.retained_bytes_per_cycle, trend.slope_bytes), (Some(64), Some(64.0)));
        assert!(trend.confidence.unwrap() > 0.99);
    }
    let levels: Vec<_> = heap.levels.iter().map(|at| (at.cycle, at.bytes.0)).collect();
    assert_eq!(levels, (1..=8).map(|n| (n, 5_000 + 64 * n)).collect::<Vec<_>>());
    for (owners, name) in [(&heap.by_module, "unet"), (&found.by_module, "unet"), (&heap.by_scope, "job")] {
        let owner = &owners[0];
        assert_eq!((owner.name.recorded(), owner.bytes, owner.held_bytes), (name, 64, Bytes(8 * 64)));
        assert!((owner.grew_in - 1.0).abs() < f64::EPSILON && owners.len() == 1);
    }
    let survivors: Vec<_> = heap.survivors.iter().map(|left| (left.last_cycle, left.bytes.0)).collect();
    assert_eq!(survivors[..2], [(1, 5_064), (2, 64)]);
    assert!(survivors[1..].iter().all(|left| left.1 == 64) && survivors.len() == 8);
}

#[test]
fn what_stops_growing_is_no_leak_and_what_is_the_same_is_flat() {
    assert_eq!(shape_of(&leaking(12, |n| if n < 4 { 4_000 } else { 0 }).report(), "job"), Shape::Saturates);
    assert_eq!(shape_of(&leaking(12, |_| 0).report(), "job"), Shape::Flat);
    assert_eq!(shape_of(&leaking(3, |_| 64).report(), "job"), Shape::TooFew);
    // Only the first jobs warm something up, and then each keeps a little.
    let report = leaking(12, |n| if n < 2 { 90_000 } else { 64 }).report();
    assert_eq!(shape_of(&report, "job"), Shape::Grows);
    assert_eq!(cycle(&report.growth, "job").trend.retained_bytes_per_cycle, Some(64));
}

#[test]
fn marks_definitions_and_loads_come_around_too() {
    let mut recording = Recording::new();
    let (mark, note) = (recording.name(1, "switch"), recording.name(2, "not sampled: gpu: no driver"));
    let fingerprint = None;
    for id in 1..=5 {
        let definition = ModuleDefinition { name: "unet".to_owned(), parent: 0, bytes: 10, fingerprint };
        recording.definitions.push(Definition::Module(ModuleId(id), definition));
        let time = u64::from(id) * 100;
        recording.at(1, time, Event::Mark { name: mark, value: 0 });
        recording.at(1, time, Event::Mark { name: note, value: 0 });
        recording.at(1, time + 1, Event::ModuleDefined(ModuleId(id)));
        recording.transfer(1, (time + 2, time + 3), load(ModuleId(id), 10));
        recording.transfer(1, (time + 4, time + 5), evict(ModuleId(id), 10, ModuleId::NONE));
        recording.at(1, time + 6, alloc(HOST, time << 20, 10, 10));
    }
    let growth = recording.report().growth;
    let mut found: Vec<_> = growth.cycles.iter().map(|cycle| (cycle.source, cycle.count)).collect();
    found.sort_unstable();
    assert_eq!(found, [(CycleSource::Mark, 5), (CycleSource::Definition, 5), (CycleSource::Load, 5)]);
    assert!(growth.cycles.iter().all(|cycle| cycle.trend.retained_bytes_per_cycle == Some(10)));
    // What the program names itself comes first.
    assert_eq!(growth.cycles[0].name.recorded(), "switch");
    assert_eq!(GPU, load(ModuleId(1), 1).to);
}

/// Steps that keep a block each, inside a span that ends at `end` and gives them back if `freed`.
fn steps(end: u64, freed: bool, closed: u64) -> Report {
    let mut recording = Recording::new();
    let (outer, step) = (recording.name(1, "generate"), recording.name(2, "step"));
    recording.at(1, 0, Event::ScopeBegin { name: outer, phase: true });
    for number in 0..10 {
        recording.scope(1, (number * 10, number * 10 + 9), step, false);
        recording.at(1, number * 10 + 9, alloc(HOST, (number + 1) << 20, 50, 50));
    }
    if freed {
        (0..10).for_each(|number| recording.at(1, 100, free(HOST, (number + 1) << 20)));
    }
    recording.at(1, end, Event::ScopeEnd { name: outer });
    recording.close(Ending::Clean, closed);
    recording.report()
}

#[test]
fn what_grows_inside_a_single_run_of_something_larger_is_not_called_a_leak() {
    // A cache of a generation goes with it; what loading builds layer by layer stays.
    assert_eq!(shape_of(&steps(101, true, 102), "step"), Shape::GivenBack);
    assert_eq!(shape_of(&steps(101, false, 1_000), "step"), Shape::Over);
    // The program is one large scope, and what its steps keep is never given back.
    let leaks = steps(101, false, 102);
    assert_eq!(shape_of(&leaks, "step"), Shape::Grows);
    assert_eq!(cycle(&leaks.growth, "step").inside.as_ref().unwrap().recorded(), "generate");
}

#[test]
fn a_cycle_that_is_asked_for_is_the_only_one() {
    let recording = leaking(6, |_| 64);
    let file = file(&recording.bytes());
    let growth =
        |name| Trace::open(file.path()).unwrap().with_cycle(name).analyze(|_| ()).unwrap().report.growth;
    assert_eq!(growth("job").cycles.len(), 1);
    let missing = growth("jobs");
    assert!(missing.cycles.is_empty());
    assert!(missing.cycles_why.unwrap().recorded().contains("is called jobs"));
}

#[test]
fn a_range_counts_its_own_ends() {
    let part = TraceRange::Between { from: Nanos(250), to: Some(Nanos(620)) };
    let growth = leaking(10, |_| 64).part(&part).unwrap().growth;
    let job = cycle(&growth, "job");
    assert_eq!((job.count, job.first_ns, job.last_ns), (4, Nanos(300), Nanos(600)));
    assert_eq!(job.trend.retained_bytes_per_cycle, Some(64));
    let nothing = TraceRange::Between { from: Nanos(1), to: Some(Nanos(9)) };
    let growth = leaking(10, |_| 64).part(&nothing).unwrap().growth;
    assert!(growth.cycles.is_empty() && growth.cycles_why.is_some());
}

#[test]
fn a_flood_of_names_leaves_what_comes_around_in_place() {
    let mut recording = Recording::new();
    for number in 0..3_000u32 {
        let once = recording.name(number + 10, &format!("once {number}"));
        recording.at(1, u64::from(number) * 10, Event::Mark { name: once, value: 0 });
        recording.at(1, u64::from(number) * 10 + 1, Event::Mark { name: NameId(1), value: 0 });
    }
    recording.name(1, "again");
    let growth = recording.report().growth;
    assert_eq!((growth.cycles.len(), growth.cycles[0].count), (1, 3_000));
    assert!(growth.cycles_left_out > 2_000);
}

proptest! {
    /// Levels, owners and survivors at the ends of random cycles, against a model that recounts all at every end.
    #[test]
    fn ends_are_told_as_a_model_recounts_them(
        steps in prop::collection::vec((0u8..6, 0u32..3, 1u64..100), 1..300),
    ) {
        let mut recording = Recording::new();
        let tick = recording.name(1, "tick");
        let names = ["(none)", "a", "b"];
        recording.module(1, "a", 0, 1);
        recording.module(2, "b", 0, 1);
        let mut live: BTreeMap<u64, (PoolId, u32, u64, u64)> = BTreeMap::new();
        let mut at_last_end = live.clone();
        let mut ends: Vec<(u64, [u64; 2])> = Vec::new();
        let mut heaps = Vec::new();
        for (time, (what, module, size)) in steps.iter().enumerate() {
            let time = time as u64 + 1;
            let pool = if size % 3 == 0 { HOST } else { DEVICE };
            let sums = |live: &BTreeMap<u64, (PoolId, u32, u64, u64)>| [DEVICE, HOST].map(|pool| {
                live.values().filter(|block| block.0 == pool).map(|block| block.2).sum::<u64>()
            });
            match what {
                0 => {
                    recording.at(1, time, Event::Mark { name: tick, value: 0 });
                    ends.push((time, sums(&live)));
                    at_last_end = live.clone();
                }
                1 if !live.is_empty() => {
                    let address = *live.keys().nth(*size as usize % live.len()).unwrap();
                    let (pool, ..) = live.remove(&address).unwrap();
                    recording.at(1, time, free(pool, address));
                }
                _ => {
                    let (address, bytes) = (Address(time << 20), Bytes(*size));
                    recording.at(1, time, Event::BlockAlloc(BlockAlloc {
                        pool, address, size: bytes, requested: bytes, module: ModuleId(*module), stack: StackId::NONE,
                    }));
                    if !heaps.contains(&pool) { heaps.push(pool); }
                    live.insert(address.0, (pool, *module, *size, time));
                }
            }
        }
        let growth = recording.report().growth;
        if ends.len() < 2 {
            prop_assert!(growth.cycles.is_empty());
            return Ok(());
        }
        let found = &growth.cycles[0];
        prop_assert_eq!(found.count, ends.len() as u64);
        for (heap, pool) in found.heaps.iter().zip(heaps) {
            let index = usize::from(pool == HOST);
            prop_assert_eq!(heap.levels.len(), ends.len());
            for (level, (time, sums)) in heap.levels.iter().zip(&ends) {
                prop_assert_eq!((level.time_ns.0, level.bytes.0), (*time, sums[index]));
            }
            // What grows is told as it was at the last end. Too many cycles are told together, with none left out.
            let live = if heap.trend.shape == Shape::Grows { &at_last_end } else { &live };
            let mut after = (0, 0);
            for survivors in &heap.survivors {
                prop_assert_eq!(survivors.first_cycle, after.1 + 1);
                let (time, _) = ends[survivors.last_cycle as usize - 1];
                let born = live.values().filter(|block| block.0 == pool && block.3 > after.0 && block.3 <= time);
                let (bytes, blocks) = born.fold((0, 0), |sum, block| (sum.0 + block.2, sum.1 + 1));
                prop_assert_eq!((survivors.bytes.0, survivors.blocks), (bytes, blocks));
                after = (time, survivors.last_cycle);
            }
            prop_assert_eq!(after.1, ends.len() as u64);
            // Every byte that is kept is somebody's, where owners are counted at every end.
            let by_module: i64 = heap.by_module.iter().map(|owner| owner.bytes).sum();
            let kept = heap.trend.retained_bytes_per_cycle.unwrap();
            let cycles = ends.len() as i64 - 1 - heap.trend.warm_up_cycles as i64;
            prop_assert!(cycles == 0 || ends.len() > 16 || (by_module - kept).abs() <= names.len() as i64, "{} {}", by_module, kept);
            prop_assert!(heap.by_module.iter().all(|owner| names.contains(&owner.name.recorded())));
        }
    }
}

/// Forwards of a net, and of a part inside, in a program that names nothing; it keeps so much of each, and gives all back at its exit.
fn forwards(count: u64, kept: impl Fn(u64) -> u64) -> Recording {
    let mut recording = Recording::new();
    let (net, part) = (recording.module(1, "net", 0, 100), recording.module(2, "linear", 1, 50));
    recording.at(1, 0, alloc(DEVICE, 0, 5_000, 5_000));
    for number in 0..count {
        let time = 100 * number + 10;
        recording.at(1, time, Event::ForwardBegin(net));
        for inner in 0..2 {
            recording.at(1, time + 10 * inner + 1, Event::ForwardBegin(part));
            recording.at(1, time + 10 * inner + 2, Event::ForwardEnd(part));
        }
        recording.at(1, time + 30, alloc(DEVICE, 1 << 40, 700, 700));
        recording.at(1, time + 31, free(DEVICE, 1 << 40));
        if kept(number) > 0 {
            recording.at(1, time + 40, alloc(DEVICE, (number + 1) << 20, kept(number), kept(number)));
        }
        recording.at(1, time + 50, Event::ForwardEnd(net));
    }
    for number in (0..count).filter(|&number| kept(number) > 0) {
        recording.at(1, 100 * count + 20 + number, free(DEVICE, (number + 1) << 20));
    }
    recording.close(Ending::Clean, 100 * count + 1_000);
    recording
}

fn leak(report: &Report) -> (FindingVerdict, String) {
    let finding =
        report.findings.iter().find(|finding| finding.id == "leak").expect("every rule says something");
    (finding.verdict, finding.evidence.to_string())
}

#[test]
fn a_leak_shows_without_a_mark_in_the_program() {
    let report = forwards(20, |_| 64).report();
    let [found] = &report.growth.cycles[..] else { panic!("forwards inside of others are no cycle") };
    assert_eq!((found.name.recorded(), found.source, found.count), ("net", CycleSource::Forward, 20));
    let (verdict, evidence) = leak(&report);
    assert!(
        verdict.is_bad() && evidence.starts_with("cuda:0 retains 64 B more each time net ends (20 times)"),
        "{evidence}"
    );
    // What each forward left is told as it was before the program gave back everything.
    let left: Vec<u64> = found.heaps[0].survivors.iter().map(|left| left.bytes.0).collect();
    assert!(left.len() == 20 && left[1..].iter().all(|&bytes| bytes == 64), "{left:?}");
    assert_eq!(report.heaps[0].end.allocated_bytes, Bytes(5_000));
}

#[test]
fn forwards_that_keep_nothing_and_caches_that_fill_are_no_leak() {
    assert_eq!(leak(&forwards(20, |_| 0).report()).0, FindingVerdict::Ok);
    assert_eq!(leak(&forwards(20, |number| if number < 6 { 640 } else { 0 }).report()).0, FindingVerdict::Ok);
}

#[test]
fn where_a_program_names_what_repeats_its_forwards_are_not_told() {
    let report = leaking(8, |_| 64).report();
    assert!(report.growth.cycles.iter().all(|cycle| cycle.source != CycleSource::Forward));
    let file = file(&leaking(8, |_| 64).bytes());
    let asked = Trace::open(file.path()).unwrap().with_cycle("unet").analyze(|_| ()).unwrap().report;
    assert!(
        asked.growth.cycles.iter().any(|cycle| cycle.source == CycleSource::Forward),
        "unless they are asked for"
    );
}

#[test]
fn a_program_in_which_nothing_repeats_is_told_what_to_add() {
    let mut recording = Recording::new();
    recording.at(1, 0, alloc(DEVICE, 0, 5_000, 5_000));
    let report = recording.report();
    let finding = report.findings.iter().find(|finding| finding.id == "leak").unwrap();
    assert_eq!(finding.verdict, FindingVerdict::Na);
    assert!(finding.advice.to_string().contains("memtrace.step()"), "{}", finding.advice);
}
