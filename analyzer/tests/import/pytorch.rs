//! PyTorch memory snapshots: real ones against figures worked out by others, and those of a model of the allocator, which knows
//! what a snapshot does not say.

use std::{collections::BTreeMap, path::Path, process::Command};

use memtrace_analyzer::{
    Trace, import,
    report::{BlockSizes, Heap, Info, Known, PeakBy, Report},
};
use serde_json::Value;

/// What the script says; none where there is no Python.
pub(crate) fn snapshots(arguments: &[&str]) -> Option<Vec<u8>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/snapshots.py");
    let ran = Command::new("python3").arg(script).args(arguments).output();
    let Ok(output) = ran else {
        eprintln!("skipped: there is no python3");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

/// What a snapshot becomes: nothing in it may contradict itself, or the rules that sizes are deduced by.
fn read(path: &Path) -> (Report, Info) {
    let log = tempfile::NamedTempFile::new().unwrap();
    let imported = import::import(path, log.reopen().unwrap(), &mut |_, _| ()).unwrap();
    assert_eq!((imported.contradictions, imported.sizes_differ), (0, 0), "{}", path.display());
    let trace = Trace::open(log.path()).unwrap();
    assert_eq!(imported.events, trace.info(|_| ()).unwrap().trace.events);
    (trace.analyze(|_| ()).unwrap().report, trace.info(|_| ()).unwrap())
}

fn heap<'a>(report: &'a Report, name: &str) -> &'a Heap {
    report.heaps.iter().find(|heap| heap.name.recorded() == name).unwrap_or_else(|| panic!("no heap {name}"))
}

/// The events of a heap: all that are neither ends of annotations nor of another heap.
fn scope_ends(info: &Info) -> u64 {
    let count = |kind| info.events_by_kind.get(kind).copied().unwrap_or(0);
    count("scope begin") + count("scope end")
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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
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
        let path = folder.join(expected.file);
        if !path.exists() {
            eprintln!("skipped: {} is not here", path.display());
            continue;
        }
        let (report, info) = read(&path);
        assert_eq!(report.heaps.len(), 1, "{}", expected.file);
        let heap = heap(&report, "cuda:0");
        let end = heap.end.reserved_bytes.unwrap().0;
        let peak = (heap.peak.figures.requested_bytes.0, heap.peak.event_index);
        assert_eq!(report.trace.events, expected.events + expected.annotations, "{}", expected.file);
        assert_eq!(scope_ends(&info), expected.annotations, "{}", expected.file);
        assert_eq!(
            (heap.baseline_bytes.0, heap.known),
            (expected.baseline, expected.known),
            "{}",
            expected.file
        );
        assert_eq!((peak, end), (expected.peak, expected.reserved_at_end), "{}", expected.file);
        assert_eq!((heap.peak.by, heap.block_sizes), (PeakBy::Requested, BlockSizes::Deduced));
        assert!(report.trace.oddities.is_empty(), "{}: {:?}", expected.file, report.trace.oddities);
        let shared: u64 = heap.peak.by_scope.iter().map(|share| share.bytes.0).sum();
        assert_eq!(shared, peak.0, "{}: the scopes' shares are the whole", expected.file);
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
        assert_eq!(heap.peak.figures.requested_bytes.0, truth["peak"]);
        assert_eq!(heap.peak.event_index, truth["index"]);
        assert_eq!(heap.end.requested_bytes.0, truth["end"]);
        assert_eq!(heap.end.reserved_bytes.unwrap().0, truth["reserved_end"]);
    }
}

/// Two devices, one of them with expandable segments; two streams; blocks that streams still use; failed requests; actions that
/// nobody knows; annotations that overlap and that have one end; page-locked memory; protocols 2 to 5; with and without a
/// history before the recording.
#[test]
fn a_model_of_the_allocator_knows_the_same() {
    let folder = tempfile::tempdir().unwrap();
    if snapshots(&["generate", folder.path().to_str().unwrap()]).is_none() {
        return;
    }
    for seed in 0..8 {
        let path = folder.path().join(format!("{seed}.pickle"));
        let (report, info) = read(&path);
        let truth = std::fs::read(folder.path().join(format!("{seed}.json"))).unwrap();
        let truth: Value = serde_json::from_slice(&truth).unwrap();
        assert!(report.trace.oddities.is_empty(), "{seed}: {:?}", report.trace.oddities);
        assert_eq!(scope_ends(&info), truth["annotations"], "{seed}");
        for (device, books) in truth["devices"].as_array().unwrap().iter().enumerate() {
            let heap = heap(&report, &format!("cuda:{device}"));
            let failures = report.ooms.iter().filter(|oom| oom.heap == heap.name).count();
            let baseline = &books["baseline"];
            assert_eq!(heap.baseline_bytes.0, *baseline, "{seed}");
            assert_eq!(heap.known == Known::Exact, *baseline == 0, "{seed}");
            assert_eq!((heap.allocs, heap.end_blocks), (number(&books["allocs"]), number(&books["live"])));
            assert_eq!(heap.reserved_peak.unwrap().bytes.0, books["reserved_peak"], "{seed}");
            assert_eq!(failures, books["ooms"], "{seed}");

            let (peak, expected) = (&heap.peak, &books["peak"]);
            assert_eq!(peak.event_index, expected["index"], "{seed}");
            assert_eq!(peak.figures.requested_bytes.0, expected["requested"], "{seed}");
            assert_eq!(peak.figures.reserved_bytes.unwrap().0, expected["reserved"], "{seed}");
            // How long a block was that lived before the recording and not at its end, is known but for 1 MiB.
            let unsure = if device == 0 { number(&books["unsure"]) } else { 0 };
            for (figure, expected) in [
                (peak.figures.allocated_bytes.0, &expected["allocated"]),
                (peak.figures.active_bytes.0, &expected["active"]),
            ] {
                assert!(figure.abs_diff(number(expected)) <= unsure, "{seed}: {figure}, not {expected}");
            }

            let end = &books["end"];
            assert_eq!(heap.end.requested_bytes.0, end["requested"], "{seed}");
            assert_eq!(heap.end.allocated_bytes.0, end["allocated"], "{seed}");
            assert_eq!(heap.end.active_bytes.0, end["active"], "{seed}");
            assert_eq!(heap.end.reserved_bytes.unwrap().0, end["reserved"], "{seed}");
            let holes = &heap.fragmentation.as_ref().unwrap().end;
            assert_eq!(holes.largest_free_bytes.0, books["largest_free"], "{seed}");
            assert_eq!(holes.free_blocks, books["free_blocks"], "{seed}");
            stacks_are(heap, &expected["stacks"]);
        }
        let pinned = heap(&report, "pinned");
        assert_eq!((pinned.kind, pinned.end.requested_bytes.0), ("pinned", number(&truth["pinned"])));
        assert_eq!(pinned.end.allocated_bytes.0, 8 << 20, "each is a segment of its own");
        let settings: BTreeMap<_, _> = report
            .marks
            .iter()
            .filter_map(|mark| mark.name.recorded().strip_prefix("allocator_settings.")?.split_once('='))
            .collect();
        assert_eq!(settings.get("max_split_size").copied(), (seed != 5).then_some("-1"));
        assert!(report.marks.iter().any(|mark| mark.name.recorded() == "user_defined: epoch"));
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

/// The blocks of the peak have the stacks that asked for them; one that lived before the recording and not at its end has none.
fn stacks_are(heap: &Heap, expected: &Value) {
    let mut seen = 0;
    assert_eq!(heap.peak.blocks_total, expected.as_object().unwrap().len() as u64);
    for block in &heap.peak.blocks {
        let frames = &expected[block.address.0.to_string()];
        let name = |frame: &memtrace_analyzer::Text| {
            frame.recorded().split_once(" (").map_or(frame.recorded().to_owned(), |(name, _)| name.to_owned())
        };
        let stack: Vec<String> = block.stack.iter().map(name).collect();
        if !stack.is_empty() {
            seen += 1;
            assert_eq!(serde_json::json!(stack), *frames, "the block at {}", block.address);
        }
    }
    assert!(seen > 0, "some were allocated while it was recorded");
}
