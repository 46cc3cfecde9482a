use std::{collections::BTreeMap, io::Write, path::Path, process::Stdio};

use memtrace_analysis::report::Report;
use memtrace_tests::{HEAPS, History, heap_name};
use proptest::prelude::*;

use crate::programs;

/// Makes valid histories out of random numbers.
pub(crate) mod chance;

/// Recounts everything at every event.
pub(crate) mod model;

use model::Model;

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_analyzer_counts_what_a_model_counts(choices in prop::collection::vec(any::<[u32; 3]>(), 1..400)) {
        let history = chance::history(&choices);
        let report = record_and_analyze(&history);
        for heap in 0..HEAPS {
            assert_counted(&report, heap, &Model::of(0.., &history, heap));
        }
    }
}

/// A long history in a small ring: what was kept is told as the model tells it that knows the whole history.
#[test]
fn a_ring_keeps_the_newest_events_and_an_exact_baseline() {
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    let choices: Vec<[u32; 3]> = (0..300_000).map(|_| [random(), random(), random()]).collect();
    let history = chance::history(&choices);
    // On a machine that has no time for the tracer's helper a ring this small can lose events, which it reports: what is left
    // has no model then, so the run is made again.
    let mut runs =
        (0..5).map(|_| record(&history, &[("MEMTRACE_MODE", "ring"), ("MEMTRACE_MAX_SIZE", "4MiB")]));
    let report = runs.find(|report| report.trace.dropped.total == 0).expect("one run of five loses nothing");
    assert!(report.trace.kept_from_ns.is_some());
    let kept = report.trace.events as usize - chance::left_open(&history);
    assert!((1_000..history.steps.len() / 2).contains(&kept), "{kept} events are kept");
    for heap in 0..HEAPS {
        assert_counted(&report, heap, &Model::of(history.steps.len() - kept.., &history, heap));
    }
    let whole = record(&history, &[]);
    let peak = |report: &Report| report.heaps[0].peak_before.map(|peak| peak.allocated_bytes.0);
    let passed = whole.heaps[0].peak.figures.allocated_bytes.0;
    assert!(peak(&report) <= Some(passed) && peak(&whole).is_none());
}

fn record_and_analyze(history: &History) -> Report {
    record(history, &[])
}

fn record(history: &History, settings: &[(&str, &str)]) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("history.trace");
    perform(history, &trace, settings);
    memtrace_analysis::analyze(&trace).unwrap().report
}

/// Has the history performed and recorded.
pub(crate) fn perform(history: &History, trace: &Path, settings: &[(&str, &str)]) {
    let mut program = programs::history()
        .env("MEMTRACE_FILE", trace)
        .envs(settings.iter().copied())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    program.stdin.take().unwrap().write_all(&serde_json::to_vec(history).unwrap()).unwrap();
    assert!(program.wait().unwrap().success());
}

pub(crate) fn assert_counted(report: &Report, heap: usize, model: &Model) {
    let Some(found) = report.heaps.iter().find(|found| found.name.recorded() == heap_name(heap)) else {
        assert_eq!(model.events, 0, "a heap in which something happened is missing");
        return;
    };
    assert_eq!((found.allocs, found.frees), (model.allocs, model.frees));
    let end = &found.end;
    assert_eq!(
        (end.requested_bytes.unwrap().0, end.allocated_bytes.0, end.active_bytes.0),
        model.now.bytes()
    );
    let Some(peak) = &model.peak else { return };
    let figures = &found.peak.figures;
    assert_eq!(found.peak.event_index, peak.event);
    assert_eq!(
        (figures.requested_bytes.unwrap().0, figures.allocated_bytes.0, figures.active_bytes.0),
        peak.figures.bytes()
    );
    assert_eq!(found.peak.blocks_total, peak.blocks);
    let shares = |shares: &[memtrace_analysis::report::Share]| -> BTreeMap<String, u64> {
        shares.iter().map(|share| (share.name.recorded().to_owned(), share.bytes.0)).collect()
    };
    assert_eq!(shares(&found.peak.by_module), peak.by_module);
    assert_eq!(shares(&found.peak.by_scope), peak.by_scope);
    assert_eq!(shares(&found.peak.by_thread), peak.by_thread);
    if heap == HEAPS - 1 {
        assert!(
            figures.reserved_bytes.is_none() && found.fragmentation.is_none(),
            "this heap has no segments"
        );
        return;
    }
    assert_eq!(end.reserved_bytes.unwrap().0, model.now.reserved);
    assert_eq!(figures.reserved_bytes.unwrap().0, peak.figures.reserved);
    assert_eq!(found.reserved_peak.unwrap().bytes.0, model.reserved_peak);
    let fragmentation = found.fragmentation.as_ref().unwrap();
    for (found, expected) in [(&fragmentation.at_peak, peak.holes), (&fragmentation.end, model.holes)] {
        assert_eq!(found.inactive_bytes.0, expected.total);
        assert_eq!(found.free_blocks, expected.count);
        assert_eq!(found.largest_free_bytes.0, expected.largest);
    }
    let worst = &fragmentation.worst;
    assert_eq!(worst.inactive_bytes.0 - worst.largest_free_bytes.0, model.worst_outside_largest);
}
