use memtrace_analysis::{
    check::{Budget, Check, LimitVerdict},
    diff::{Diff, Tolerance},
    report::{CycleHeap, Report, Shape},
};

use super::{assert_found, assert_silent, finding};
use crate::truth::{Run, number};

const SWITCHES: [&str; 8] = ["--tier", "medvram", "--checkpoints", "2", "--switches", "5", "--steps", "2"];

/// Hooks that stay keep inputs on the device and weights on the host, the same for every switch.
#[test]
fn hooks_that_stay_are_found_on_both_heaps_and_go_with_them() {
    let leaking = Run::told(&SWITCHES, &["--leak"]);
    let found = assert_found(&leaking.report, "leak");
    for heap in ["device:0", "host"] {
        let place = found.places.iter().find(|place| place.heap.as_ref().unwrap().recorded() == heap);
        let module = place.unwrap().module.as_ref().unwrap();
        assert!(module.recorded().contains(".unet"), "{heap}: {module}");
        // What is left at the end is what the engine's own books say; one unload is as good as a switch.
        let switch = switches(&leaking.report, heap);
        let left = number(&leaking.book_of_heap(heap)["final_allocated_bytes"]);
        assert_eq!(switch.trend.shape, Shape::Grows);
        assert_eq!(switch.trend.retained_bytes_per_cycle, Some(left as i64 / 6));
    }
    let sound = Run::told(&SWITCHES, &[]);
    assert_silent(&sound.report, "leak");

    let check = |report: &Report| {
        let budget: Budget = "max-growth = \"1KiB/cycle\"".parse().unwrap();
        Check::of(report, &budget).limits.iter().map(|limit| limit.verdict).collect::<Vec<_>>()
    };
    assert!(check(&leaking.report).iter().all(|verdict| *verdict == LimitVerdict::Fail));
    assert!(check(&sound.report).iter().all(|verdict| *verdict == LimitVerdict::Pass));
    let judged = |a: &Report, b: &Report| {
        let judgement = Diff::between(a, b).judged(Tolerance::new(Some(0.0), None)).judgement.unwrap();
        judgement.worse.iter().map(|worse| worse.figure.recorded().to_owned()).collect::<Vec<_>>()
    };
    assert!(judged(&sound.report, &leaking.report).contains(&"kept by host a switch".to_owned()));
    assert!(judged(&leaking.report, &sound.report).iter().all(|figure| !figure.starts_with("kept by")));
}

/// State dicts that are never dropped: on the host alone, in the scope that says what they are.
#[test]
fn state_dicts_are_found_on_the_host_alone() {
    let leaking = Run::told(&SWITCHES, &["--host-leak"]);
    let found = assert_found(&leaking.report, "leak");
    let heaps: Vec<_> = found.places.iter().map(|place| place.heap.as_ref().unwrap().recorded()).collect();
    assert_eq!(heaps, ["host"]);
    assert!(found.evidence.recorded().contains("state dict"), "{}", found.evidence);
    let left = number(&leaking.book_of_heap("host")["final_allocated_bytes"]);
    let switch = switches(&leaking.report, "host");
    assert_eq!(switch.trend.retained_bytes_per_cycle, Some(left as i64 / 6));
    assert!(switch.by_scope[0].name.recorded().ends_with("state dict"));
}

/// Checkpoints that are kept fill the host until all are there: a cache, and no leak.
#[test]
fn a_cache_that_fills_is_not_called_a_leak() {
    let arguments =
        ["--tier", "medvram", "--checkpoints", "3", "--switches", "8", "--keep", "3", "--steps", "1"];
    let report = Run::told(&arguments, &[]).report;
    assert_eq!(switches(&report, "host").trend.shape, Shape::Saturates);
    assert_silent(&report, "leak");
    assert_eq!(finding(&report, "duplicate-module").verdict, memtrace_analysis::report::FindingVerdict::Ok);
}

fn switches<'a>(report: &'a Report, heap: &str) -> &'a CycleHeap {
    let cycle = report.growth.cycles.iter().find(|cycle| cycle.name.recorded() == "switch").unwrap();
    cycle.heaps.iter().find(|of| of.heap.recorded() == heap).unwrap()
}
