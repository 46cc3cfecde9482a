//! Swaps, thrash, and the least that had to be loaded.

use memtrace_analysis::report::Thrash;
use memtrace_format::{Bytes, DropCause, Event};

use crate::{
    movement::{NOBODY, one_swap},
    recording::{Analyzed, GPU, Moved, Recording, evict, load},
};

#[test]
fn an_eviction_and_the_load_it_made_room_for_are_one_swap() {
    for room_for_is_said in [true, false] {
        let analysis = one_swap(room_for_is_said).analyze();
        let report = &analysis.report;
        let swaps = &report.swaps;
        assert_eq!((swaps.count, swaps.bytes, swaps.ns.0, swaps.stall_ns.0), (1, Bytes(400), 40, 40));
        let unet = &swaps.by_module[0];
        assert_eq!((unet.name.recorded(), unet.count, unet.stall_ns.0), ("unet", 1, 40));
        // The first load was for nobody's place, and a forward waited for it too.
        assert_eq!(report.transfers.stall_ns.0, 50);
        assert_eq!((report.transfers.count, report.transfers.bytes), (3, Bytes(500)));
        assert_eq!(analysis.timeline.instants.len(), 1);
    }
}

#[test]
fn several_evictions_for_one_load_are_one_swap() {
    let mut recording = Recording::new();
    let [a, b, c] = [1, 2, 3].map(|id| recording.module(id, "m", 0, 1));
    recording.transfer(1, (0, 10), evict(a, 5, c));
    recording.transfer(1, (10, 20), evict(b, 6, c));
    recording.transfer(1, (20, 40), load(c, 7));
    let swaps = recording.report().swaps;
    assert_eq!((swaps.count, swaps.bytes, swaps.ns.0, swaps.stall_ns.0), (1, Bytes(18), 40, 0));
}

#[test]
fn modules_of_one_name_are_one_line() {
    let mut recording = Recording::new();
    let unet = recording.module(1, "unet", 0, 1);
    let again = recording.module(2, "unet", 0, 1);
    let vae = recording.module(3, "vae", 0, 1);
    recording.transfer(1, (0, 10), evict(vae, 5, unet));
    recording.transfer(1, (10, 20), load(unet, 5));
    recording.transfer(1, (20, 60), evict(unet, 5, vae));
    recording.transfer(1, (60, 85), load(vae, 7));
    recording.transfer(1, (90, 120), evict(vae, 7, again));
    recording.transfer(1, (120, 140), load(again, 6));
    let lines = recording.report().swaps.by_module;
    let lines: Vec<_> =
        lines.iter().map(|line| (line.name.recorded(), line.count, line.bytes.0, line.ns.0)).collect();
    assert_eq!(lines, [("unet", 2, 23, 70), ("vae", 1, 12, 65)]);
}

#[test]
fn room_for_a_part_is_filled_by_its_unit() {
    let mut recording = Recording::new();
    let unit = recording.module(1, "unit", 0, 1);
    let part = recording.module(2, "part", 1, 1);
    let other = recording.module(3, "other", 0, 1);
    recording.transfer(1, (0, 10), evict(other, 5, part));
    recording.transfer(1, (10, 20), load(unit, 5));
    assert_eq!(recording.report().swaps.by_module[0].name.recorded(), "unit");
}

#[test]
fn a_forward_between_them_parts_an_eviction_and_a_load() {
    let mut recording = Recording::new();
    let [a, b] = [1, 2].map(|id| recording.module(id, "m", 0, 1));
    recording.transfer(1, (0, 10), evict(a, 5, NOBODY));
    recording.at(1, 11, Event::ForwardBegin(b));
    recording.transfer(1, (20, 30), load(b, 5));
    assert_eq!(recording.report().swaps.count, 0);
    // On another thread it parts nothing.
    let mut recording = Recording::new();
    recording.transfer(1, (0, 10), evict(a, 5, NOBODY));
    recording.at(2, 11, Event::ForwardBegin(b));
    recording.transfer(1, (20, 30), load(b, 5));
    assert_eq!(recording.report().swaps.count, 1);
}

#[test]
fn a_module_that_only_returns_swaps_with_nobody() {
    let mut recording = Recording::new();
    let a = recording.module(1, "a", 0, 1);
    recording.transfer(1, (0, 10), evict(a, 5, NOBODY));
    recording.transfer(1, (20, 30), load(a, 5));
    assert_eq!(recording.report().swaps.count, 0);
}

#[test]
fn what_is_loaded_again_in_the_phase_that_evicted_it_is_thrash() {
    let mut recording = Recording::new();
    let step = recording.name(1, "step");
    let a = recording.module(1, "a", 0, 1);
    for (from, again) in [(0, 30), (100, 160)] {
        recording.at(1, from, Event::ScopeBegin { name: step, phase: true });
        recording.transfer(1, (from + 1, from + 11), evict(a, 5, NOBODY));
        let end = Event::ScopeEnd { name: step };
        if again - from < 50 {
            recording.transfer(1, (again, again + 5), load(a, 6));
            recording.at(1, from + 50, end);
        } else {
            recording.at(1, from + 50, end);
            recording.transfer(1, (again, again + 5), load(a, 6));
        }
    }
    let thrash = recording.report().swaps.thrash;
    assert_eq!(thrash, Some(Thrash { count: 1, bytes: Bytes(11), ns: memtrace_analysis::Nanos(15) }));
}

#[test]
fn without_phases_thrash_is_not_known_and_without_evictions_it_is_none() {
    let report = one_swap(true).report();
    assert_eq!(report.swaps.thrash, None);
    assert!(report.swaps.thrash_why.is_some());
    assert_eq!(Recording::new().report().swaps.thrash, Some(Thrash::default()));
}

/// Three units of 10 in turn, room for two, and what gives way is always what is needed next.
#[test]
fn the_least_that_had_to_be_loaded_stands_beside_what_was() {
    let mut recording = Recording::new();
    let units = [1, 2, 3].map(|id| recording.module(id, "unit", 0, 10));
    let part = recording.module(4, "part", 2, 3);
    let mut now = 0;
    for turn in 0..9 {
        let unit = units[turn % 3];
        if turn > 1 {
            recording.transfer(1, (now, now + 1), evict(units[(turn + 1) % 3], 10, unit));
        }
        recording.transfer(1, (now + 1, now + 3), load(unit, 10));
        // A part's forward uses the unit that moves.
        let used = if unit == units[1] { part } else { unit };
        recording.at(1, now + 4, Event::ForwardBegin(used));
        recording.at(1, now + 5, Event::ForwardEnd(used));
        now += 10;
    }
    let report = recording.report();
    let bound = report.swaps.lower_bound.as_ref().unwrap();
    assert_eq!((bound.loaded_bytes, bound.known), (Bytes(90), "whole"));
    // Three loads to begin with. Of the other six uses, with room for one beside the one in use, every second has to be loaded.
    assert_eq!((bound.bytes, bound.achievable_bytes), (Bytes(60), Bytes(60)));
    let [device] = &bound.by_device[..] else { panic!("{bound:?}") };
    assert_eq!((device.device, device.capacity_bytes, device.uses, device.loads), (GPU, Bytes(20), 9, 9));
    // Nothing used twice: what was loaded is the least.
    let mut recording = Recording::new();
    let unit = recording.module(1, "unit", 0, 10);
    recording.transfer(1, (0, 5), load(unit, 10));
    recording.at(1, 6, Event::ForwardBegin(unit));
    recording.at(1, 7, Event::ForwardEnd(unit));
    let bound = recording.report().swaps.lower_bound.unwrap();
    assert_eq!((bound.loaded_bytes, bound.bytes), (Bytes(10), Bytes(10)));
}

#[test]
fn without_forwards_or_with_events_missing_there_is_no_lower_bound() {
    let mut recording = Recording::new();
    let unit = recording.module(1, "unit", 0, 10);
    recording.transfer(1, (0, 5), load(unit, 10));
    let swaps = recording.report().swaps;
    assert!(swaps.lower_bound.is_none() && swaps.lower_bound_why.unwrap().contains("no forward"));
    recording.at(1, 6, Event::ForwardBegin(unit));
    recording.at(1, 7, Event::ForwardEnd(unit));
    assert!(recording.report().swaps.lower_bound.is_some());
    recording.drops.add(DropCause::DiskFull, 1);
    assert!(recording.report().swaps.lower_bound_why.unwrap().contains("missing"));
}

/// What gave way to a load that failed makes room until it is back itself. Reloading it is no thrash before it succeeds.
#[test]
fn a_load_that_failed_is_no_swap_until_it_succeeds() {
    let swaps = |thread_of_the_return: Option<u32>| {
        let mut recording = Recording::new();
        let step = recording.name(1, "step");
        let [a, b] = [1, 2].map(|id| recording.module(id, "m", 0, 100));
        recording.at(1, 0, Event::ScopeBegin { name: step, phase: true });
        recording.transfer(1, (1, 3), evict(a, 10, b));
        for (from, to, load) in [(3, 4, load(b, 70)), (10, 11, load(a, 10))] {
            let begun = recording.begin(1, from, load);
            recording.end(1, 1, to, begun, Moved { bytes: 0, ..load });
        }
        if let Some(thread) = thread_of_the_return {
            recording.transfer(thread, (20, 25), load(a, 10));
            recording.transfer(1, (30, 35), evict(a, 20, b));
        }
        recording.transfer(1, (40, 50), load(b, 70));
        recording.report().swaps
    };
    for (thread_of_the_return, bytes, thrash) in [(None, 80, 0), (Some(1), 90, 1), (Some(2), 90, 1)] {
        let swaps = swaps(thread_of_the_return);
        assert_eq!((swaps.count, swaps.bytes, swaps.thrash.unwrap().count), (1, Bytes(bytes), thrash));
    }
}

#[test]
fn single_swaps_are_listed_with_what_they_cost() {
    let mut recording = Recording::new();
    let step = recording.name(1, "step");
    let [a, b] = [1, 2].map(|id| recording.module(id, if id == 1 { "a" } else { "b" }, 0, 1000));
    recording.at(1, 0, Event::ScopeBegin { name: step, phase: true });
    for turn in 0..1200_u64 {
        let now = turn * 100;
        let (out, into) = if turn % 2 == 0 { (a, b) } else { (b, a) };
        recording.transfer(1, (now, now + 10), evict(out, 500, into));
        let last = if turn == 700 { 70 } else { 30 };
        recording.transfer(1, (now + 10, now + last), load(into, 500));
        recording.at(1, now + 80, Event::ForwardBegin(into));
        recording.at(1, now + 90, Event::ForwardEnd(into));
    }
    let swaps = recording.report().swaps;
    assert_eq!((swaps.count, swaps.costliest.len()), (1200, 1000));
    let worst = &swaps.costliest[0];
    assert_eq!((worst.time_ns.0, worst.began_ns.0, worst.stall_ns.0), (70_070, 70_000, 70));
    assert_eq!((worst.module.recorded(), worst.evicted[0].recorded(), worst.thrash), ("b", "a", true));
    assert!((worst.gbps.unwrap() - 1000.0 / 70.0).abs() < 1e-9);
    let listed: u64 = swaps.costliest.iter().map(|swap| swap.ns.0).sum();
    assert_eq!(swaps.others.ns.0 + listed, swaps.ns.0);
    assert_eq!((swaps.others.count, swaps.others.bytes), (200, Bytes(200_000)));
    let thrash = swaps.by_module.iter().map(|module| module.thrash.count).sum::<u64>();
    assert_eq!(thrash, swaps.thrash.unwrap().count);
}
