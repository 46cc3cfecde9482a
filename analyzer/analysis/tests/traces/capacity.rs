//! Requests that failed because the job did not fit, and those that only look so. Every figure here is counted by hand.

use memtrace_analysis::report::{OutOfMemory, Report, Verdict};
use memtrace_format::{Definition, Ending, Event, StackDefinition, StackId};

use crate::{
    autopsy::{MIB, fail, only, perforated, torch},
    recording::{Analyzed, DEVICE, Moved, Recording, alloc, free, load, segment},
};

/// A module of so many MiB comes to the device in a segment and a block of its own.
fn loaded(recording: &mut Recording, time: u64, moved: Moved, address_mib: u64) {
    let correlation = recording.begin(1, time, moved);
    weights(recording, time + 1, moved.bytes / MIB, address_mib);
    recording.end(1, 1, time + 3, correlation, moved);
}

fn weights(recording: &mut Recording, time: u64, mib: u64, address_mib: u64) {
    recording.at(1, time, Event::SegmentAlloc(segment(address_mib * MIB, mib * MIB)));
    recording.at(1, time + 1, alloc(DEVICE, address_mib * MIB, mib * MIB, mib * MIB));
}

fn finding<'r>(report: &'r Report, id: &str) -> &'r memtrace_analysis::report::Finding {
    report.findings.iter().find(|finding| finding.id == id).expect("every rule says something")
}

/// 48 MiB lie in holes and 2 are free, so 16 would fit side by side. They are the first of a module: it does not fit, unless it is small.
#[test]
fn a_module_that_does_not_fit_is_no_matter_of_layout() {
    let oom = |mib: u64| {
        let mut recording = perforated(20);
        let unet = recording.module(2, "unet", 0, mib * MIB);
        recording.begin(1, 80, load(unet, mib * MIB));
        fail(&mut recording, 90, 16, Some(2));
        only(&recording.report()).clone()
    };
    let large = oom(101);
    assert_eq!(large.verdict, Verdict::Capacity, "{large:#?}");
    let need = large.need.as_ref().unwrap();
    assert_eq!(
        (need.what, need.name.recorded(), need.still_bytes.0),
        ("module", "unet", 101 * MIB * 17 / 16)
    );
    assert_eq!(large.room_bytes.unwrap().0, 50 * MIB);
    let headline = large.headline.recorded();
    assert!(headline.starts_with("unet needs 101.00 MiB, and the device has 50.00 MiB for it"), "{headline}");
    assert!(large.evidence.recorded().contains("57.31 MiB too few"), "{}", large.evidence);
    let small = oom(40);
    assert_eq!(small.verdict, Verdict::Fragmentation, "{small:#?}");
    assert!(
        small.headline.recorded().contains("with PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True"),
        "{}",
        small.headline
    );
}

/// What of it had arrived is not needed again, and is room that it has.
#[test]
fn what_had_arrived_counts_for_the_module() {
    let mut recording = torch();
    let unet = recording.module(2, "unet", 0, 101 * MIB);
    recording.begin(1, 10, load(unet, 101 * MIB));
    weights(&mut recording, 11, 60, 100);
    fail(&mut recording, 20, 20, Some(10));
    let report = recording.report();
    let oom = only(&report);
    let need = oom.need.as_ref().unwrap();
    assert_eq!((need.there_bytes.0, need.still_bytes.0), (60 * MIB, 41 * MIB + 101 * MIB / 16));
    assert_eq!(oom.verdict, Verdict::Capacity);
    let headline = oom.headline.recorded();
    assert!(headline.starts_with("unet needs 101.00 MiB, and the device has 70.00 MiB for it"), "{headline}");
    assert!(finding(&report, "out-of-memory").evidence.recorded().starts_with(headline));
}

/// A model that is moved part by part is needed whole, unless its parts take turns.
#[test]
fn parts_that_follow_each_other_are_of_one_load() {
    let oom = |takes_turns: bool| {
        let mut recording = perforated(20);
        let net = recording.module(2, "net", 0, 100 * MIB);
        let first = recording.module(3, "0", 2, 30 * MIB);
        let second = recording.module(4, "1", 2, 20 * MIB);
        loaded(&mut recording, 60, load(first, 30 * MIB), 400);
        if takes_turns {
            recording.at(1, 70, Event::ForwardBegin(net));
            recording.at(1, 71, Event::ForwardEnd(net));
        }
        recording.begin(1, 80, load(second, 20 * MIB));
        fail(&mut recording, 90, 16, Some(2));
        only(&recording.report()).clone()
    };
    let whole = oom(false);
    let need = whole.need.as_ref().unwrap();
    assert_eq!(
        (need.name.recorded(), need.bytes.0, need.still_bytes.0),
        ("net", 100 * MIB, 70 * MIB + 100 * MIB / 16)
    );
    assert_eq!(whole.verdict, Verdict::Capacity, "{whole:#?}");
    let part = oom(true);
    let need = part.need.as_ref().unwrap();
    assert_eq!((need.name.recorded(), need.still_bytes.0), ("net.1", 20 * MIB * 17 / 16));
    assert_eq!(part.verdict, Verdict::Fragmentation, "{part:#?}");
}

/// Two models computed once; what they would need if they, or the parts of the larger one, took turns.
fn two_models(free_mib: u64) -> OutOfMemory {
    let mut recording = torch();
    let text = recording.module(1, "text_encoder", 0, 40 * MIB);
    let unet = recording.module(2, "unet", 0, 100 * MIB);
    let parts = [recording.module(3, "in", 2, 60 * MIB), recording.module(4, "out", 2, 40 * MIB)];
    loaded(&mut recording, 10, load(text, 40 * MIB), 100);
    loaded(&mut recording, 20, load(unet, 100 * MIB), 200);
    recording.at(1, 30, Event::SegmentAlloc(segment(400 * MIB, 20 * MIB)));
    let mut computes = |time: u64, module, mib: u64| {
        recording.at(1, time, Event::ForwardBegin(module));
        recording.at(1, time + 1, alloc(DEVICE, 400 * MIB, mib * MIB, mib * MIB));
        recording.at(1, time + 2, free(DEVICE, 400 * MIB));
        recording.at(1, time + 3, Event::ForwardEnd(module));
    };
    computes(40, text, 5);
    computes(51, parts[0], 10);
    computes(56, parts[1], 19);
    recording.at(1, 50, Event::ForwardBegin(unet));
    recording.at(1, 61, Event::ForwardEnd(unet));
    recording.threads.get_mut(&1).expect("a thread that recorded").sort_by_key(|(time, _)| *time);
    fail(&mut recording, 90, 22, Some(free_mib));
    only(&recording.report()).clone()
}

#[test]
fn what_less_at_a_time_would_need_is_counted_from_weights_and_work() {
    // 160 MiB are reserved.
    let oom = two_models(0);
    let ways: Vec<_> =
        oom.strategies.iter().map(|way| (way.keeps, way.bytes.0 / MIB, way.fits, way.at_least)).collect();
    // The UNet's 100 with 19; its first part's 60 with 10.
    let counted = [("one model", 119, Some(true), false), ("one part of a model", 70, Some(true), false)];
    assert_eq!(ways, counted, "{oom:#?}");
    assert!(oom.headline.recorded().contains("119.00 MiB at its peak"), "{}", oom.headline);
    assert_eq!(oom.strategies[1].module.recorded(), "unet.in");
}

/// A phase that took 300 MiB twice needs them again: that the request alone would fit side by side says nothing.
#[test]
fn what_a_phase_took_before_it_needs_again() {
    let oom = |before: u64| {
        let mut recording = perforated(20);
        let step = recording.name(7, "step");
        for run in 0..before {
            let time = 50 + run * 10;
            recording.at(1, time, Event::ScopeBegin { name: step, phase: true });
            weights(&mut recording, time + 1, 300, 500);
            recording.at(1, time + 3, free(DEVICE, 500 * MIB));
            recording.at(1, time + 4, Event::SegmentFree(segment(500 * MIB, 300 * MIB)));
            recording.at(1, time + 5, Event::ScopeEnd { name: step });
        }
        recording.at(1, 88, Event::ScopeBegin { name: step, phase: true });
        fail(&mut recording, 90, 16, Some(2));
        only(&recording.report()).clone()
    };
    let again = oom(2);
    let need = again.need.as_ref().unwrap();
    assert_eq!((need.what, need.name.recorded(), need.still_bytes.0), ("phase", "step", 300 * MIB));
    assert_eq!(again.verdict, Verdict::Capacity, "{again:#?}");
    let first = oom(0);
    assert_eq!((first.need, first.verdict), (None, Verdict::Fragmentation));
}

/// Segments that grow where they are: nobody is told to turn on what is on.
#[test]
fn expandable_segments_are_not_advised_where_they_are_on() {
    let report = |on: bool| {
        let mut recording = torch();
        let whole = segment(100 * MIB, 900 * MIB);
        recording.at(1, 1, if on { Event::SegmentMap(whole) } else { Event::SegmentAlloc(whole) });
        for block in 0..45 {
            let address = (100 + block * 20) * MIB;
            recording.at(1, 2 + block, alloc(DEVICE, address, 20 * MIB, 20 * MIB));
        }
        for block in (0..45).filter(|block| block % 15 > 0) {
            recording.at(1, 50 + block, free(DEVICE, (100 + block * 20) * MIB));
        }
        fail(&mut recording, 99, 400, Some(1));
        recording.report()
    };
    let on = report(true);
    let oom = only(&on);
    let tried = oom.would_have_fit.iter().map(|remedy| &remedy.what);
    let tried: Vec<_> = tried.chain(oom.would_not_have_fit.iter().map(|tried| &tried.what)).collect();
    assert!(tried.iter().all(|what| !what.recorded().contains("expandable")), "{tried:?}");
    let advice = |report: &Report| {
        let findings = report.findings.iter().map(|finding| finding.advice.recorded().to_owned());
        findings.collect::<String>()
    };
    assert!(!advice(&on).contains("expandable_segments"), "{}", advice(&on));
    // The same in plain segments.
    assert!(advice(&report(false)).contains("expandable_segments"));
}

/// The request's own stack is told, and the line of the program that made it.
#[test]
fn the_request_that_failed_has_its_stack() {
    let mut recording = torch();
    let names = [
        "forward",
        "/opt/lib/python3.12/site-packages/torch/nn/modules/linear.py",
        "sample",
        "/app/u/dit.py",
    ];
    for (id, text) in (21..).zip(names) {
        recording.name(id, text);
    }
    let mut frame = |id: u32, parent: u32, function: u32, line: u32| {
        let frame = StackDefinition { parent, function, file: function + 1, line, address: 0 };
        recording.definitions.push(Definition::Stack(StackId(id), frame));
    };
    frame(1, 0, 23, 125);
    frame(2, 1, 21, 134);
    fail(&mut recording, 9, 30, Some(1));
    if let Some((_, Event::OutOfMemory(failed))) = recording.threads.get_mut(&1).unwrap().last_mut() {
        failed.stack = StackId(2);
    }
    let report = recording.report();
    let oom = only(&report);
    assert_eq!(oom.stack.len(), 2);
    let evidence = finding(&report, "out-of-memory").evidence.recorded();
    assert!(evidence.contains("at sample (/app/u/dit.py:125) > forward"), "{evidence}");
}

/// That the recording is complete says nothing of the run: it failed if nothing was handed out afterwards.
#[test]
fn a_run_that_ended_with_a_failed_request_failed() {
    let report = |more: bool| {
        let mut recording = perforated(20);
        fail(&mut recording, 90, 600, Some(10));
        if more {
            recording.at(1, 95, alloc(DEVICE, 104 * MIB, 4 * MIB, 4 * MIB));
        }
        recording.close(Ending::Clean, 100);
        recording.report()
    };
    let [failed, went_on] = [report(false), report(true)];
    assert_eq!((failed.trace.run_failed, failed.ooms[0].went_on), (true, false));
    assert_eq!(failed.trace.ending(), "the recording is complete; the run failed");
    assert_eq!((went_on.trace.run_failed, went_on.ooms[0].went_on), (false, true));
    let text = memtrace_analysis::rendering::ReportText(&failed).to_string();
    assert!(text.contains("the run failed") && !text.contains("cleanly"), "{text}");
    assert!(memtrace_analysis::rendering::ReportText(&went_on).to_string().contains("cleanly"));
}
