//! PyTorch memory snapshots of a model of the allocator, which knows what a snapshot does not say.

use std::{collections::BTreeMap, path::Path, process::Command};

use memtrace_analysis::{
    Trace,
    report::{FindingVerdict, Heap, Info, Known, Report, Share, Verdict},
};
use memtrace_format::{Bytes, Event};
use serde_json::{Value, json};

use crate::made::pickle;

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
pub(crate) fn read(path: &Path) -> (Report, Info) {
    let log = tempfile::NamedTempFile::new().unwrap();
    let imported = memtrace_import::import(path, log.reopen().unwrap(), &mut |_, _| ()).unwrap();
    assert_eq!((imported.contradictions, imported.sizes_differ), (0, 0), "{}", path.display());
    let trace = Trace::open(log.path()).unwrap();
    assert_eq!(imported.events, trace.info(|_| ()).unwrap().trace.events);
    (trace.analyze(|_| ()).unwrap().report, trace.info(|_| ()).unwrap())
}

pub(crate) fn heap<'a>(report: &'a Report, name: &str) -> &'a Heap {
    report.heaps.iter().find(|heap| heap.name.recorded() == name).unwrap_or_else(|| panic!("no heap {name}"))
}

/// The events of a heap: all that are neither ends of annotations nor of another heap.
pub(crate) fn scope_ends(info: &Info) -> u64 {
    let count = |kind| info.events_by_kind.get(kind).copied().unwrap_or(0);
    count("scope begin") + count("scope end")
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
            assert_eq!(peak.figures.requested_bytes.unwrap().0, expected["requested"], "{seed}");
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
            assert_eq!(heap.end.requested_bytes.unwrap().0, end["requested"], "{seed}");
            assert_eq!(heap.end.allocated_bytes.0, end["allocated"], "{seed}");
            assert_eq!(heap.end.active_bytes.0, end["active"], "{seed}");
            assert_eq!(heap.end.reserved_bytes.unwrap().0, end["reserved"], "{seed}");
            let holes = &heap.fragmentation.as_ref().unwrap().end;
            assert_eq!(holes.largest_free_bytes.0, books["largest_free"], "{seed}");
            assert_eq!(holes.free_blocks, books["free_blocks"], "{seed}");
            stacks_are(heap, &expected["stacks"]);
        }
        let pinned = heap(&report, "pinned");
        assert_eq!(
            (pinned.kind, pinned.end.requested_bytes.unwrap().0),
            ("pinned", number(&truth["pinned"]))
        );
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

/// A snapshot that was taken because a request failed, as programs that dump one on `OutOfMemoryError` do: what was asked for,
/// what the device had left, and why there was no room.
#[test]
fn a_request_that_failed_is_told_with_what_was_free() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oom.pickle");
    if snapshots(&["oom", path.to_str().unwrap()]).is_none() {
        return;
    }
    let (report, _) = read(&path);
    let [oom] = &report.ooms[..] else { panic!("one request failed: {:?}", report.ooms) };
    let mib = |count: u64| Some(Bytes(count << 20));
    assert_eq!((oom.heap.recorded(), oom.requested_bytes.0, oom.time_ns.0), ("cuda:0", 6 << 20, 40_000));
    assert_eq!((oom.inactive_bytes, oom.largest_free_bytes, oom.device_free_bytes), (mib(8), mib(4), mib(1)));
    assert_eq!(oom.verdict, Verdict::Fragmentation);
    // It is the block between the holes that is in the way.
    assert_eq!(
        oom.pinning.iter().map(|pin| (pin.address.0, pin.bytes)).collect::<Vec<_>>(),
        [((1 << 40) + (12 << 20), Bytes(4 << 20))]
    );
    let found = report.findings.iter().find(|finding| finding.id == "out-of-memory").unwrap();
    assert_eq!(found.verdict, FindingVerdict::Fail);
}

/// What a program says along with its memory is whose it is: of blocks as they come a scope, of a block that is there a module. A pool of its own
/// has a name, though none of it is left. The events keep their numbers.
#[test]
fn what_a_program_says_of_its_memory_is_whose_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("said.pickle");
    if snapshots(&["said", path.to_str().unwrap()]).is_none() {
        return;
    }
    let (report, info) = read(&path);
    let heap = heap(&report, "cuda:0");
    let shares = |shares: &[Share]| -> Vec<_> {
        shares.iter().map(|share| (share.name.recorded().to_owned(), share.bytes.0 >> 20)).collect()
    };
    let share = |name: &str, mib: u64| (name.to_owned(), mib);
    assert_eq!(shares(&heap.peak.by_scope), [share("(none)", 10), share("load", 8)]);
    assert_eq!(shares(&heap.peak.by_module), [share("(none)", 10), share("kv cache", 8)]);
    assert_eq!(heap.peak.event_index, 12, "the place in the snapshot's own list");
    assert_eq!(scope_ends(&info), 4, "two scopes, each from its beginning to its end");
    assert!(report.marks.iter().any(|mark| mark.name.recorded() == "annotate: kv cache"));
    assert!(report.trace.oddities.is_empty(), "{:?}", report.trace.oddities);
    let log = tempfile::NamedTempFile::new().unwrap();
    memtrace_import::import(&path, log.reopen().unwrap(), &mut |_, _| ()).unwrap();
    let trace = Trace::open(log.path()).unwrap();
    let pools = trace.events().filter_map(|recorded| match recorded.unwrap().event {
        Event::SegmentAlloc(segment) => trace.definitions().pool(segment.pool).map(|pool| pool.name.clone()),
        _ => None,
    });
    assert_eq!(pools.collect::<Vec<_>>(), ["large", "large of pool (0, 7)"]);
}

/// A small segment that is gone is none of large blocks because a segment of those lies at its address at the end.
#[test]
fn a_segment_that_is_gone_is_not_what_lies_there_at_the_end() {
    const MIB: u64 = 1 << 20;
    let address = 1u64 << 40;
    let event = |action: &str, size: u64| json!({"action": action, "addr": address, "size": size, "stream": 0, "frames": []});
    let block = json!({"address": address, "size": 24 * MIB, "requested_size": 23 * MIB, "state": "active_allocated", "frames": []});
    let segment = json!({
        "device": 0, "address": address, "total_size": 24 * MIB, "allocated_size": 24 * MIB, "active_size": 24 * MIB,
        "stream": 0, "segment_type": "large", "is_expandable": false, "blocks": [block],
    });
    let events = [
        event("segment_alloc", 2 * MIB),
        event("alloc", MIB),
        event("free_requested", MIB),
        event("free_completed", MIB),
        event("segment_free", 2 * MIB),
        event("segment_alloc", 24 * MIB),
        event("alloc", 23 * MIB),
    ];
    let snapshot = pickle(&json!({"segments": [segment], "device_traces": [events]}));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snapshot.pickle");
    std::fs::write(&path, snapshot).unwrap();
    let log = tempfile::NamedTempFile::new().unwrap();
    memtrace_import::import(&path, log.reopen().unwrap(), &mut |_, _| ()).unwrap();
    let trace = Trace::open(log.path()).unwrap();
    let sizes = trace.events().filter_map(|recorded| match recorded.unwrap().event {
        Event::BlockAlloc(alloc) => Some(alloc.size.0 / MIB),
        _ => None,
    });
    assert_eq!(sizes.collect::<Vec<_>>(), [1, 24]);
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
        let name = |frame: &memtrace_analysis::Text| {
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
