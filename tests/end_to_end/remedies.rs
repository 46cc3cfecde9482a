use memtrace_analysis::{
    diff::{Diff, Judgement, ModuleDiff, Tolerance},
    report::{Report, Verdict},
};
use serde_json::Value;

use crate::truth::{Run, number};

/// The web UI's leak: hooks that stay. Without it, nothing is left.
#[test]
fn hooks_taken_off_leave_nothing_behind() {
    let switches = ["--tier", "medvram", "--checkpoints", "2", "--switches", "4", "--steps", "2"];
    let [leaking, sound] = pair(&switches, &["--leak"], &[]);
    let diff = compared(&leaking, &sound);
    for heap in &diff.heaps {
        let left = number(&leaking.book_of_heap(heap.name.recorded())["final_allocated_bytes"]);
        assert!(left > 0);
        assert_eq!(heap.end_allocated_bytes.difference, Some(-(left as i64)));
    }
    assert_better(&leaking, &sound);
}

/// What was read of checkpoints and never dropped: on the host alone, in the scope that says what it is.
#[test]
fn state_dicts_are_found_on_the_host_by_their_scope() {
    let switches = ["--tier", "medvram", "--checkpoints", "2", "--switches", "4", "--steps", "2"];
    let [leaking, sound] = pair(&switches, &["--host-leak"], &[]);
    let left = number(&leaking.book_of_heap("host")["final_allocated_bytes"]);
    let diff = compared(&leaking, &sound);
    let host = diff.heaps.iter().find(|heap| heap.name.recorded() == "host").unwrap();
    assert_eq!(host.end_allocated_bytes.difference, Some(-(left as i64)));
    let scope =
        &host.peak_by_scope.iter().find(|share| share.name.recorded().ends_with("state dict")).unwrap();
    assert!(scope.bytes.a.unwrap().0 > 0 && scope.bytes.b.unwrap().0 == 0);
    assert_better(&leaking, &sound);
}

/// Checkpoints that are kept come back without being read, and the least recently used goes for room.
#[test]
fn kept_checkpoints_trade_reads_for_host_memory() {
    let switches = ["--tier", "medvram", "--checkpoints", "3", "--switches", "6", "--steps", "1"];
    let [one, all] = pair(&switches, &[], &["--keep", "3"]);
    let diff = compared(&one, &all);
    let disk = diff.transfers.by_direction.iter().find(|of| of.direction == "disk").unwrap();
    let read =
        |run: &Run| -> u64 { modules(run).map(|module| number(&module["disk_to_host"]["bytes"])).sum() };
    assert_eq!(disk.bytes.difference, Some(read(&all) as i64 - read(&one) as i64));
    assert!(read(&all) < read(&one));
    // It is paid for with memory, so neither run is simply better.
    let host = diff.heaps.iter().find(|heap| heap.name.recorded() == "host").unwrap();
    assert!(host.peak_allocated_bytes.difference.unwrap() > 0);
    assert!(!judged(&one, &all).is_well(false));

    let limited = Run::told(&switches, &["--keep", "2"]);
    let dropped = number(&limited.books["remedies"]["dropped"]["count"]);
    let units = modules(&limited).map(|module| number(&module["host_to_disk"]["count"])).sum::<u64>();
    let by_reason = &limited.report.transfers.by_reason;
    assert!(dropped > 0 && by_reason["capacity"].count > 0 && by_reason["capacity"].count < units);
    assert_eq!(by_reason["capacity"].bytes.0, 0);
}

/// One VAE under two names: loaded twice, or recognised by its fingerprint.
#[test]
fn a_model_under_two_names_is_found_and_shared() {
    let [twice, shared] = pair(&["--previews", "1", "--duplicate", "--steps", "2"], &[], &["--share"]);
    let same = |report: &Report| {
        let prints = report.modules.iter().filter(|module| module.transfer_bytes.0 > 0);
        let mut prints: Vec<_> = prints.filter_map(|module| module.fingerprint.clone()).collect();
        prints.sort();
        let all = prints.len();
        prints.dedup();
        all - prints.len()
    };
    assert_eq!((same(&twice.report), same(&shared.report)), (1, 0));
    let diff = compared(&twice, &shared);
    let second = module(&diff, "preview_vae");
    assert_eq!(second.only_in, Some(memtrace_analysis::diff::Side::A));
    let vae = modules(&twice).find(|module| module["path"] == "vae").unwrap();
    assert_eq!(number(&shared.books["remedies"]["shared"]["bytes"]), number(&vae["bytes"]));
    assert_better(&twice, &shared);
}

/// What one large job needed stays reserved, or goes back to the driver after it.
#[test]
fn an_emptied_cache_is_seen_at_the_end() {
    let [kept, emptied] = pair(&["--hoard", "--jobs", "3", "--steps", "1"], &[], &["--empty-cache"]);
    let diff = compared(&kept, &emptied);
    let device = diff.heaps.iter().find(|heap| heap.of_device).unwrap();
    assert!(device.end_reserved_bytes.difference.unwrap() < 0);
    assert_eq!(device.peak_allocated_bytes.difference, Some(0));
    let marks =
        emptied.report.marks.iter().find(|mark| mark.name.recorded() == "cache released: policy").unwrap();
    assert_eq!(marks.count, number(&emptied.books["remedies"]["released"]["count"]));
    assert!(number(&kept.books["remedies"]["released"]["count"]) == 0);
}

/// Previews that make UNet and VAE change places, and room for both.
#[test]
fn thrash_is_found_and_goes_with_room_for_both() {
    let arguments = ["--tier", "medvram", "--previews", "1", "--steps", "4"];
    let [alone, together] = pair(&arguments, &[], &["--resident", "1GiB"]);
    // Both are loaded anew for every step. Each time but the first undoes an eviction of the same phase.
    let (count, bytes) = modules(&alone).filter(|module| module["path"] != "text_encoder").fold(
        (0, 0),
        |(count, bytes), module| {
            let again = number(&module["host_to_device"]["count"]).saturating_sub(1);
            (count + again, bytes + 2 * again * number(&module["bytes"]))
        },
    );
    let thrash = alone.report.swaps.thrash.unwrap();
    assert!(count > 0);
    assert_eq!((thrash.count, thrash.bytes.0), (count, bytes));
    assert_eq!(together.report.swaps.thrash.unwrap().count, 0);
    assert_eq!(number(&together.books["swaps"]["count"]), 0);
    let diff = compared(&alone, &together);
    let swapped = number(&alone.books["swaps"]["bytes"]);
    assert_eq!(diff.swaps.bytes.difference, Some(-(swapped as i64)));
    assert!(judged(&together, &alone).worse.iter().any(|worse| worse.figure.recorded() == "bytes of swaps"));
}

/// The device is short of memory, so what nobody runs gives way; each with its reason.
#[test]
fn what_gives_way_under_pressure_says_so() {
    let arguments = ["--tier", "medvram", "--resident", "1GiB", "--jobs", "2", "--steps", "2"];
    let [idle, relieved] = pair(&arguments, &[], &["--device-pressure", "1024GiB"]);
    let gave_way = &relieved.books["remedies"]["gave_way"];
    let pressure = relieved.report.transfers.by_reason["pressure"];
    assert!(number(&gave_way["count"]) > 0);
    assert_eq!((pressure.count, pressure.bytes.0), (number(&gave_way["count"]), number(&gave_way["bytes"])));
    assert!(!idle.report.transfers.by_reason.contains_key("pressure"));

    let arguments =
        ["--tier", "medvram", "--checkpoints", "2", "--switches", "2", "--keep", "2", "--steps", "1"];
    let dropping = Run::told(&arguments, &["--host-pressure", "4000000000MiB"]);
    assert!(dropping.report.transfers.by_reason["pressure"].count > 0);
    assert!(number(&dropping.books["remedies"]["dropped"]["count"]) > 0);
}

/// A request that fails though enough is inactive in all, as the books have it.
#[test]
fn a_fragmented_device_refuses_what_its_holes_would_hold_together() {
    let [fragmented, whole] = pair(&["--steps", "1"], &["--fragment"], &[]);
    let [book] = &fragmented.book_of_heap("device:0")["failures"].as_array().unwrap()[..] else {
        panic!("one request failed")
    };
    let [told] = &fragmented.report.ooms[..] else { panic!("one request failed") };
    assert_eq!(told.requested_bytes.0, number(&book["requested_bytes"]));
    assert_eq!(told.inactive_bytes.unwrap().0, number(&book["cached_bytes"]));
    assert_eq!(told.largest_free_bytes.unwrap().0, number(&book["largest_free_bytes"]));
    assert_eq!(told.device_free_bytes.unwrap().0, number(&book["device_free_bytes"]));
    assert!(
        told.inactive_bytes >= Some(told.requested_bytes)
            && told.largest_free_bytes < Some(told.requested_bytes)
    );
    assert!(told.scope.recorded().ends_with("extension"), "{}", told.scope);
    assert_eq!(whole.report.ooms_total, 0);
    assert_better(&fragmented, &whole);
    assert_eq!(told.verdict, Verdict::Fragmentation);
}

/// A module that is on the device all the time and never runs.
#[test]
fn a_module_that_nobody_uses_is_seen() {
    let [unused, clean] = pair(&["--tier", "medvram", "--steps", "1"], &["--unused"], &[]);
    let upscaler = unused.report.modules.iter().find(|module| module.name.recorded() == "upscaler").unwrap();
    assert_eq!((upscaler.forwards, upscaler.loads), (0, 1));
    assert!(upscaler.resident_ns["device:0"].0 > 0);
    let bytes =
        modules(&unused).find(|module| module["path"] == "upscaler").unwrap()["bytes"].as_u64().unwrap();
    let diff = compared(&unused, &clean);
    let device = diff.heaps.iter().find(|heap| heap.of_device).unwrap();
    let share = device.peak_by_module.iter().find(|share| share.name.recorded() == "upscaler").unwrap();
    assert!(share.bytes.a.unwrap().0 >= bytes && share.bytes.b.unwrap().0 == 0);
    assert_better(&unused, &clean);
}

/// Weights that wait in page-locked memory move without the driver's staging buffer.
#[test]
fn pinned_weights_are_told_from_pageable_ones() {
    let [pageable, pinned] = pair(&["--tier", "medvram", "--steps", "1"], &[], &["--pinned"]);
    let diff = compared(&pageable, &pinned);
    let moved = pageable.report.transfers.pageable_bytes.0;
    assert_eq!(diff.transfers.pageable_bytes.difference, Some(-(moved as i64)));
    assert_eq!(diff.transfers.pinned_bytes.difference, Some(moved as i64));
    let heap = diff.heaps.iter().find(|heap| heap.name.recorded() == "pinned").unwrap();
    assert_eq!(heap.only_in, Some(memtrace_analysis::diff::Side::B));
}

/// The methods that stand for a VAE's forward have names.
#[test]
fn wrapped_methods_are_scopes_of_their_names() {
    let run = Run::told(&["--from-image", "--width", "1024", "--height", "1024", "--steps", "1"], &[]);
    let scopes = &run.report.heaps.iter().find(|heap| heap.device.is_some()).unwrap().peak.by_scope;
    let decode = scopes.iter().any(|share| share.name.recorded().ends_with("/ decode / decode"));
    let encode = scopes.iter().any(|share| share.name.recorded().ends_with("/ encode image / encode"));
    assert!(decode || encode, "the peak of a large image is its VAE's: {scopes:?}");
}

/// The same arguments with a fault and without, or without a remedy and with.
fn pair(arguments: &[&str], first: &[&str], second: &[&str]) -> [Run; 2] {
    [Run::told(arguments, first), Run::told(arguments, second)]
}

/// The images of two runs are the same, so only how they were made differs.
fn compared(a: &Run, b: &Run) -> Diff {
    assert_eq!(a.books["digest"], b.books["digest"]);
    let diff = Diff::between(&a.report, &b.report);
    for heap in &diff.heaps {
        for (run, change) in [(a, heap.peak_allocated_bytes.a), (b, heap.peak_allocated_bytes.b)] {
            let Some(peak) = change else { continue };
            let book = run.book_of_heap(heap.name.recorded());
            assert_eq!(peak.0, number(&book["peak_allocated_bytes"]), "{}", heap.name);
        }
    }
    diff
}

fn judged(a: &Run, b: &Run) -> Judgement {
    compared(a, b).judged(Tolerance::new(Some(0.0), None)).judgement.unwrap()
}

/// B is worse than A in nothing, and A is worse than B in something.
fn assert_better(a: &Run, b: &Run) {
    let forth = judged(a, b);
    assert!(forth.is_well(false), "{forth:?}");
    let back = judged(b, a);
    assert!(!back.worse.is_empty(), "{back:?}");
}

fn modules(run: &Run) -> impl Iterator<Item = &Value> {
    run.books["modules"].as_array().unwrap().iter()
}

fn module<'a>(diff: &'a Diff, name: &str) -> &'a ModuleDiff {
    diff.modules.iter().find(|module| module.name.recorded() == name).unwrap()
}
