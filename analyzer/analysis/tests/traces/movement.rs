//! Residency, transfers, and what forwards waited for.

use std::time::Duration;

use memtrace_analysis::{
    rendering::ReportText,
    report::{FindingVerdict, Stay},
};
use memtrace_format::{Bytes, Event, ModuleId, Tier};

use crate::recording::{Analyzed, GPU, Moved, Recording, evict, load};

pub(crate) const NOBODY: ModuleId = ModuleId::NONE;

fn stays(stays: &[Stay]) -> Vec<(Tier, u64, u64)> {
    stays.iter().map(|stay| (stay.tier, stay.from_ns.0, stay.to_ns.0)).collect()
}

/// A VAE on the device makes room for a UNet, which then runs.
pub(crate) fn one_swap(room_for_is_said: bool) -> Recording {
    let mut recording = Recording::new();
    let unet = recording.module(1, "unet", 0, 300);
    let vae = recording.module(2, "vae", 0, 100);
    recording.module(3, "block", 1, 30);
    let said = if room_for_is_said { unet } else { NOBODY };
    recording.at(1, 0, Event::ModuleDefined(unet));
    recording.at(1, 0, Event::ModuleDefined(vae));
    recording.transfer(1, (10, 20), load(vae, 100));
    recording.at(1, 21, Event::ForwardBegin(vae));
    recording.at(1, 29, Event::ForwardEnd(vae));
    recording.transfer(1, (30, 40), evict(vae, 100, said));
    recording.transfer(1, (50, 80), load(unet, 300));
    recording.at(1, 81, Event::ForwardBegin(unet));
    recording.at(1, 99, Event::ForwardEnd(unet));
    recording
}

#[test]
fn modules_are_where_their_transfers_put_them() {
    let report = one_swap(true).report();
    let [unet, vae, block] = &report.modules[..] else { panic!("{:?}", report.modules) };
    assert_eq!(stays(&unet.residency), [(Tier::Host, 0, 80), (GPU, 80, 99)]);
    assert_eq!(stays(&vae.residency), [(Tier::Host, 0, 20), (GPU, 20, 40), (Tier::Host, 40, 99)]);
    assert_eq!((vae.loads, vae.evictions, vae.forwards), (1, 1, 1));
    assert_eq!((vae.transfer_bytes, vae.transfer_ns.0), (Bytes(200), 20));
    assert_eq!(vae.resident_ns["device:0"].0, 20);
    // A part of a unit goes where the unit goes.
    assert_eq!((block.name.recorded(), block.parent.as_ref().unwrap().recorded()), ("unet.block", "unet"));
    assert_eq!(block.residency, unet.residency);
    assert_eq!((block.loads, block.transfer_bytes), (0, Bytes(0)));
}

#[test]
fn a_forward_waits_for_its_own_weights_after_its_begin_too() {
    let mut recording = Recording::new();
    let unet = recording.module(1, "unet", 0, 1);
    let part = recording.module(2, "part", 1, 1);
    let other = recording.module(3, "other", 0, 1);
    recording.at(1, 0, Event::ForwardBegin(part));
    recording.transfer(1, (0, 10), evict(other, 5, part));
    recording.transfer(1, (10, 30), load(unet, 5));
    recording.transfer(1, (30, 37), load(other, 5)); // for somebody else
    recording.at(1, 40, Event::ForwardEnd(part));
    recording.at(1, 50, Event::ForwardBegin(unet));
    let report = recording.report();
    assert_eq!((report.swaps.stall_ns.0, report.transfers.stall_ns.0), (30, 30));
    // A load that swaps with nobody is waited for as well.
    let mut recording = Recording::new();
    recording.at(1, 0, Event::ForwardBegin(unet));
    recording.transfer(1, (1, 8), load(unet, 5));
    let report = recording.report();
    assert_eq!((report.swaps.stall_ns.0, report.transfers.stall_ns.0), (0, 7));
}

#[test]
fn transfers_that_no_forward_follows_stall_nobody() {
    let mut recording = Recording::new();
    let a = recording.module(1, "a", 0, 1);
    let b = recording.module(2, "b", 0, 1);
    recording.at(1, 0, Event::ForwardBegin(b));
    recording.transfer(1, (1, 10), load(a, 5));
    recording.at(1, 11, Event::ForwardEnd(b));
    recording.transfer(1, (12, 20), evict(a, 5, NOBODY));
    let report = recording.report();
    assert_eq!(report.transfers.stall_ns.0, 0);
    // One that begins before a border and ends after it was not waited for from its beginning.
    let transfer = load(a, 5);
    let correlation = recording.begin(1, 30, transfer);
    recording.at(1, 31, Event::ForwardBegin(a));
    recording.at(1, 32, Event::ForwardEnd(a));
    recording.end(1, 1, 33, correlation, transfer);
    recording.at(1, 34, Event::ForwardBegin(a));
    assert_eq!(recording.report().transfers.stall_ns.0, 0);
}

#[test]
fn what_was_loaded_for_another_or_from_a_file_is_not_waited_for() {
    let mut recording = Recording::new();
    let a = recording.module(1, "a", 0, 1);
    let b = recording.module(2, "b", 0, 1);
    let from_disk = Moved { from: Tier::Disk, to: Tier::Host, ..load(a, 5) };
    recording.transfer(1, (0, 50), from_disk);
    recording.transfer(1, (50, 60), load(b, 5));
    recording.transfer(1, (60, 63), load(a, 5));
    recording.at(1, 70, Event::ForwardBegin(a));
    assert_eq!(recording.report().transfers.stall_ns.0, 3);
}

#[test]
fn directions_and_speeds_are_told_apart() {
    let mut recording = Recording::new();
    let a = recording.module(1, "a", 0, 1);
    let moved = |from, to, bytes| Moved { from, to, ..load(a, bytes) };
    recording.transfer(1, (0, 10), moved(Tier::Disk, Tier::Host, 10));
    recording.transfer(1, (10, 20), moved(Tier::Host, Tier::Pinned, 20));
    recording.transfer(1, (20, 30), moved(Tier::Pinned, GPU, 30));
    recording.transfer(1, (30, 40), moved(GPU, Tier::Device(1), 40));
    recording.transfer(1, (40, 40), moved(Tier::Device(1), Tier::Host, 50));
    recording.begin(1, 50, moved(Tier::Host, GPU, 60));
    let transfers = recording.report().transfers;
    let by = &transfers.by_direction;
    let bytes = [&by.disk, &by.h2h, &by.h2d, &by.d2d, &by.d2h].map(|direction| direction.bytes.0);
    assert_eq!((bytes, transfers.unfinished), ([10, 20, 30, 40, 50], 1));
    let speed = by.h2d.gbps.unwrap();
    assert_eq!(speed.max, 3.0);
    assert!((speed.p50 - 3.0).abs() < 0.004 && (speed.p99 - 3.0).abs() < 0.004);
    assert!(by.d2h.gbps.is_none() && by.d2h.gbps_why.is_some());
    assert_eq!(transfers.pageable_bytes, Bytes(150));
}

#[test]
fn a_transfer_may_end_on_another_thread() {
    let mut recording = Recording::new();
    let a = recording.module(1, "a", 0, 1);
    let transfer = load(a, 5);
    let correlation = recording.begin(1, 10, transfer);
    recording.end(2, 1, 30, correlation, transfer);
    recording.at(1, 40, Event::ForwardBegin(a));
    recording.at(1, 41, crate::recording::alloc(crate::recording::DEVICE, 64, 1, 1));
    let report = recording.report();
    assert_eq!((report.transfers.count, report.transfers.ns.0, report.transfers.stall_ns.0), (1, 20, 0));
    assert!(report.trace.oddities.is_empty());
}

/// A copy that the device measured took what it measured, whenever the host noticed that it was over; a figure longer than
/// the host saw is not believed.
#[test]
fn what_the_device_measured_is_how_long_a_transfer_took() {
    let mut recording = Recording::new();
    let unet = recording.module(1, "unet", 0, 300);
    let measured = |ns| Moved { on_device: Some(Duration::from_nanos(ns)), ..load(unet, 300) };
    recording.transfer(1, (0, 1000), measured(30));
    recording.transfer(1, (1000, 1050), measured(60));
    recording.transfer(1, (2000, 2005), load(unet, 300));
    let report = recording.report();
    assert_eq!((report.transfers.count, report.transfers.by_direction.h2d.ns.0), (3, 30 + 50 + 5));
    assert_eq!(report.modules[0].transfer_ns.0, 85);
}

/// While a copy that its thread went past is under way, another module's forward hides it; the forward that needs it and comes
/// too early waits for the rest.
#[test]
fn what_is_loaded_ahead_is_hidden_and_only_the_rest_is_waited_for() {
    let mut recording = Recording::new();
    let [a, b] = [1, 2].map(|id| recording.module(id, "m", 0, 100));
    recording.transfer(1, (0, 10), load(a, 100));
    recording.at(1, 10, Event::ForwardBegin(a));
    let ahead = recording.begin(1, 20, load(b, 100));
    recording.at(1, 50, Event::ForwardEnd(a));
    recording.at(1, 60, Event::ForwardBegin(b));
    recording.end(1, 1, 75, ahead, load(b, 100));
    recording.at(1, 90, Event::ForwardEnd(b));
    let report = recording.report();
    assert_eq!((report.transfers.hidden_ns.0, report.transfers.stall_ns.0), (30, 10 + 15));
    let [_, b] = &report.modules[..] else { panic!("{:?}", report.modules) };
    assert_eq!((b.hidden_ns.0, b.stall_ns.0, b.stalls, b.longest_stall_ns.0), (30, 15, 1, 15));
}

/// A thread that waits for its own move computes nothing meanwhile, though a forward is open on it.
#[test]
fn a_thread_does_not_hide_what_it_waits_for_and_others_do() {
    let trace = |others: bool| {
        let mut recording = Recording::new();
        let [a, b, c] = [1, 2, 3].map(|id| recording.module(id, "m", 0, 100));
        recording.transfer(1, (0, 5), load(a, 100));
        recording.transfer(1, (5, 10), load(c, 100));
        if others {
            recording.at(2, 10, Event::ForwardBegin(c));
            recording.at(2, 25, Event::ForwardEnd(c));
        }
        recording.at(1, 10, Event::ForwardBegin(b));
        recording.transfer(1, (10, 20), evict(a, 100, b));
        recording.transfer(1, (20, 40), load(b, 100));
        recording.at(1, 50, Event::ForwardEnd(b));
        recording.report().transfers
    };
    let (alone, beside) = (trace(false), trace(true));
    assert_eq!((alone.hidden_ns.0, alone.stall_ns.0), (0, 30));
    assert_eq!((beside.hidden_ns.0, beside.stall_ns.0), (15, 30));
}

/// A forward whose weights are not there yet, for another thread is bringing them or has not begun to, computes nothing.
#[test]
fn a_forward_without_its_weights_hides_nothing() {
    let mut recording = Recording::new();
    let [a, b] = [1, 2].map(|id| recording.module(id, "m", 0, 100));
    recording.transfer(1, (0, 2), load(b, 100));
    recording.transfer(1, (2, 4), evict(b, 100, NOBODY));
    recording.at(2, 5, Event::ForwardBegin(b));
    recording.at(1, 5, Event::ForwardBegin(a));
    recording.transfer(1, (10, 30), load(a, 100));
    recording.at(1, 40, Event::ForwardEnd(a));
    recording.at(2, 50, Event::ForwardEnd(b));
    assert_eq!(recording.report().transfers.hidden_ns.0, 0);
}

/// Turns of two modules: from the second load of a module on, the computation since the latest wait could have hidden its load.
#[test]
fn reloads_could_have_been_hidden_behind_what_was_computed_before() {
    let mut recording = Recording::new();
    let [a, b] = [1, 2].map(|id| recording.module(id, "m", 0, 100));
    for turn in 0..3 {
        for (now, module, other) in [(0, a, b), (100, b, a)] {
            let now = turn * 200 + now;
            recording.at(1, now, Event::ForwardBegin(module));
            if now > 0 {
                recording.transfer(1, (now, now + 10), evict(other, 100, module));
            }
            recording.transfer(1, (now + 10, now + 30), load(module, 100));
            recording.at(1, now + 45 + turn, Event::ForwardEnd(module));
        }
    }
    let transfers = recording.report().transfers;
    assert_eq!((transfers.reload_waits, transfers.reload_stall_ns.0), (4, 4 * 30));
    assert_eq!(transfers.hideable_ns.0, 15 + 16 + 16 + 17);
    assert_eq!(transfers.pageable_again.count, 4 + 3);
    assert_eq!(
        (transfers.pageable_again.bytes, transfers.pageable_again.ns.0),
        (Bytes(700), 4 * 20 + 3 * 10)
    );
    assert_eq!(transfers.by_memory.pageable.count, 6 + 5);
    assert_eq!((transfers.by_memory.pinned.count, transfers.by_memory.unknown.count), (0, 0));
}

/// A module's move and the copies by which a driver makes it are one transfer. What is no part of it counts by itself: another module, another
/// way, another thread, and what is more than the move.
#[test]
fn copies_inside_of_a_move_are_parts_of_it() {
    let mut recording = Recording::new();
    let [unet, vae] = [(1, "unet"), (2, "vae")].map(|(id, name)| recording.module(id, name, 0, 100));
    let move_in = |recording: &mut Recording, copies: &[(u32, Moved)]| {
        let whole = recording.begin(1, 0, load(unet, 100));
        for (time, &(thread, copy)) in (1..).zip(copies) {
            recording.transfer(thread, (time, time + 1), copy);
        }
        recording.end(1, 1, 50, whole, load(unet, 100));
    };
    move_in(&mut recording, &[(1, load(NOBODY, 60)), (1, load(NOBODY, 40))]);
    let report = recording.report();
    let transfers = &report.transfers;
    assert_eq!((transfers.count, transfers.bytes.0, transfers.ns.0), (1, 100, 50));
    assert_eq!((transfers.by_direction.h2d.count, transfers.by_memory.pageable.bytes.0), (1, 100));
    assert_eq!(
        (transfers.pageable_bytes.0, transfers.by_reason.values().map(|it| it.count).sum::<u64>()),
        (100, 1)
    );
    assert_eq!((transfers.parts.count, transfers.parts.bytes.0, transfers.parts.ns.0), (2, 100, 2));
    assert_eq!((report.modules[0].loads, report.modules[0].transfer_bytes.0), (1, 100));
    assert!(ReportText(&report).to_string().contains("made by 2 copies of 100 B"));

    let mut recording = Recording::new();
    let none_of_it =
        [(2, load(NOBODY, 10)), (1, evict(NOBODY, 10, NOBODY)), (1, load(vae, 10)), (1, load(NOBODY, 101))];
    move_in(&mut recording, &none_of_it);
    recording.transfer(1, (60, 61), load(NOBODY, 10));
    let transfers = recording.report().transfers;
    assert_eq!((transfers.count, transfers.bytes.0, transfers.parts.count), (6, 100 + 30 + 101 + 10, 0));

    // Within two moves, it is a part of the one that ends after it.
    let mut recording = Recording::new();
    let [unet, vae] = [(1, "unet"), (2, "vae")].map(|(id, name)| recording.module(id, name, 0, 100));
    let moves = [unet, vae].map(|module| (module, recording.begin(1, 0, load(module, 100))));
    let copy = recording.begin(1, 1, load(NOBODY, 60));
    recording.end(1, 1, 2, moves[1].1, load(vae, 100));
    recording.end(1, 1, 3, copy, load(NOBODY, 60));
    recording.end(1, 1, 4, moves[0].1, load(unet, 100));
    let transfers = recording.report().transfers;
    assert_eq!((transfers.count, transfers.bytes.0, transfers.parts.count), (2, 200, 1));
}

/// A whole that was named while its parts were away is as large as they are; one whose parts share weights is as large as was said.
#[test]
fn a_whole_is_no_smaller_than_its_parts() {
    let mut recording = Recording::new();
    for (id, name, parent, bytes) in
        [(1, "away", 0, 10), (2, "a", 1, 100), (3, "b", 1, 50), (4, "tied", 0, 100)]
    {
        recording.module(id, name, parent, bytes);
    }
    recording.module(5, "embedding", 4, 90);
    recording.module(6, "head", 4, 90);
    recording.at(1, 0, Event::ModuleDefined(ModuleId(1)));
    let report = recording.report();
    let bytes: Vec<_> = report.modules.iter().map(|module| module.bytes.unwrap().0).collect();
    assert_eq!(bytes, [150, 100, 50, 100, 90, 90]);
}

/// What loading ahead could hide is a finding where it is a good part of the run and the order has shown itself, and is none
/// in a run that is short, that computes little, or in which everything has its place.
#[test]
fn loading_ahead_is_advised_where_it_gains_something() {
    let verdict = |turns: u64, compute: u64| {
        let mut recording = Recording::new();
        let [a, b] = [1, 2].map(|id| recording.module(id, "m", 0, 100));
        for turn in 0..turns {
            let (module, other) = if turn % 2 == 0 { (a, b) } else { (b, a) };
            let now = turn * 1000;
            recording.at(1, now, Event::ForwardBegin(module));
            if turn > 0 {
                recording.transfer(1, (now, now + 100), evict(other, 100, module));
            }
            recording.transfer(1, (now + 100, now + 400), load(module, 100));
            recording.at(1, now + 400 + compute, Event::ForwardEnd(module));
        }
        let report = recording.report();
        report.findings.iter().find(|finding| finding.id == "overlap").unwrap().verdict
    };
    assert_eq!(verdict(20, 300), FindingVerdict::Warn);
    assert_eq!(verdict(20, 60), FindingVerdict::Warn);
    assert_eq!(verdict(20, 40), FindingVerdict::Ok);
    assert_eq!(verdict(9, 300), FindingVerdict::Ok);
    assert_eq!(verdict(1, 300), FindingVerdict::Ok);
}

/// A load that failed moved nothing: the module is where it was, and nobody used it on the device.
#[test]
fn a_load_that_failed_leaves_the_module_where_it_was() {
    let mut recording = Recording::new();
    let unit = recording.module(1, "unit", 0, 10);
    recording.at(1, 0, Event::ForwardBegin(unit));
    let begun = recording.begin(1, 1, load(unit, 10));
    recording.end(1, 1, 5, begun, load(unit, 0));
    recording.at(1, 9, Event::ForwardEnd(unit));
    let report = recording.report();
    assert!(report.modules[0].resident_ns.keys().all(|tier| !tier.starts_with("device")));
    assert_eq!(report.modules[0].loads, 1);
    assert!(report.swaps.lower_bound.is_none());
}

/// A file that names a new module in every event, and ends no transfer, makes nobody keep more than a bound of either.
#[test]
fn modules_and_open_transfers_are_bounded() {
    const MORE: u64 = 70_000;
    let mut recording = Recording::new();
    for number in 1..=MORE {
        recording.begin(1, number, load(ModuleId(number as u32), 10));
        recording.at(1, number, Event::ForwardBegin(ModuleId(number as u32)));
        recording.at(1, number, Event::ForwardEnd(ModuleId(number as u32)));
    }
    let report = recording.report();
    assert_eq!(report.modules.len(), 1 << 16);
    assert_eq!(report.transfers.unfinished, MORE);
    let left_out = report.trace.oddities["event of one of too many modules: it is not told of"];
    assert_eq!(left_out, 2 * (MORE - (1 << 16)));
}
