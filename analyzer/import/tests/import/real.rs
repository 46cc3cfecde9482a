//! Real recordings, made by others, against figures worked out by others. `cargo test -p memtrace-import --test import real
//! -- --nocapture` prints both sides.

use std::path::{Path, PathBuf};

use memtrace_analysis::report::{BlockSizes, Known, PeakBy, Report};
use serde_json::Value;

use crate::pytorch::{heap, read, scope_ends, snapshots};

/// A file that others recorded; none where it is not at hand.
pub(crate) fn recording(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if !path.exists() {
        eprintln!("skipped: {} is not here", path.display());
    }
    path.exists().then_some(path)
}

/// A line of the table: a figure, ours and what was expected.
fn same<T: PartialEq + std::fmt::Debug>(file: &str, figure: &str, ours: T, expected: T) {
    let verdict = if ours == expected { "same" } else { "DIFFERENT" };
    println!("{file:<32} {figure:<34} {ours:>28?} {expected:>28?}  {verdict}");
    assert_eq!(ours, expected, "{file}: {figure}");
}

/// A real recording's figures.
struct Expected {
    file: &'static str,
    events: u64,
    annotations: u64,
    baseline: u64,
    /// Requested bytes at the peak, and the event that made it.
    peak: (u64, u64),
    reserved_at_end: u64,
    known: Known,
}

#[test]
fn real_recordings_have_the_figures_that_others_found() {
    let expected = [
        Expected {
            file: "ctx128_forward_annotated.pickle",
            events: 8227,
            annotations: 1794,
            baseline: 13_628_553_216,
            peak: (17_602_723_840, 8226),
            reserved_at_end: 17_878_220_800,
            known: Known::Baseline,
        },
        Expected {
            file: "ctx256_forward_mixed.pickle",
            events: 6587,
            annotations: 0,
            baseline: 13_663_422_464,
            peak: (28_262_939_648, 6584),
            reserved_at_end: 28_848_422_912,
            known: Known::Baseline,
        },
        Expected {
            file: "small_zero_baseline.pickle",
            events: 97,
            annotations: 0,
            baseline: 0,
            peak: (3_249_143_816, 52),
            reserved_at_end: 3_781_165_056,
            known: Known::Exact,
        },
        Expected {
            file: "torch20_oom.pickle",
            events: 1,
            annotations: 0,
            baseline: 11_840_159_744,
            peak: (11_840_159_744, 0),
            reserved_at_end: 11_844_714_496,
            known: Known::Baseline,
        },
        Expected {
            file: "mosaic_synthetic.pickle",
            events: 1040,
            annotations: 6,
            baseline: 466,
            peak: (2_255_398_598, 999),
            reserved_at_end: 262_144_000,
            known: Known::Baseline,
        },
    ];
    for expected in expected {
        let Some(path) = recording(expected.file) else { continue };
        let (report, info) = read(&path);
        assert_eq!(report.heaps.len(), 1, "{}", expected.file);
        let heap = heap(&report, "cuda:0");
        let peak = (heap.peak.figures.requested_bytes.unwrap().0, heap.peak.event_index);
        let file = expected.file;
        same(file, "events", report.trace.events - scope_ends(&info), expected.events);
        same(file, "ends of annotations", scope_ends(&info), expected.annotations);
        same(file, "baseline bytes", heap.baseline_bytes.0, expected.baseline);
        same(file, "peak requested bytes @ event index", peak, expected.peak);
        same(file, "reserved at the end", heap.end.reserved_bytes.unwrap().0, expected.reserved_at_end);
        assert_eq!(heap.known, expected.known, "{file}");
        assert_eq!((heap.peak.by, heap.block_sizes), (PeakBy::Requested, BlockSizes::Deduced));
        assert!(report.trace.oddities.is_empty(), "{file}: {:?}", report.trace.oddities);
        let shared: u64 = heap.peak.by_scope.iter().map(|share| share.bytes.0).sum();
        assert_eq!(shared, peak.0, "{file}: the scopes' shares are the whole");
        replays_the_same(&path, &report);
    }
}

/// Holds a report against sums over the events, taken the way everybody takes them.
fn replays_the_same(path: &Path, report: &Report) {
    let Some(said) = snapshots(&["replay", path.to_str().unwrap()]) else { return };
    let said: Value = serde_json::from_slice(&said).unwrap();
    for (device, truth) in said[path.to_str().unwrap()]["devices"].as_object().unwrap() {
        let heap = heap(report, &format!("cuda:{device}"));
        assert_eq!(heap.baseline_bytes.0, truth["baseline"]);
        assert_eq!(heap.peak.figures.requested_bytes.unwrap().0, truth["peak"]);
        assert_eq!(heap.peak.event_index, truth["index"]);
        assert_eq!(heap.end.requested_bytes.unwrap().0, truth["end"]);
        assert_eq!(heap.end.reserved_bytes.unwrap().0, truth["reserved_end"]);
    }
}

#[test]
fn a_real_log_of_rmm_has_its_peak() {
    let file = "rmm_two_rows.csv";
    let Some(path) = recording(file) else { return };
    let report =
        memtrace_import::open_recording(&path, &mut |_, _| ()).unwrap().analyze(|_| ()).unwrap().report;
    let [heap] = &report.heaps[..] else { panic!("there is one heap") };
    same(file, "events", report.trace.events, 2);
    same(file, "peak requested bytes", heap.peak.figures.requested_bytes.unwrap().0, 1024);
    assert_eq!((heap.allocs, heap.frees, heap.peak.figures.allocated_bytes.0), (1, 1, 1024));
    assert_eq!(
        (heap.peak.by, heap.block_sizes, heap.known),
        (PeakBy::Allocated, BlockSizes::Recorded, Known::Exact)
    );
    assert_eq!((report.trace.duration_ns.0, report.trace.start_unix_ns), (21_000, None));
}
