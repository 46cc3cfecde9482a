//! A snapshot that was imported and exported is the snapshot that it was, as far as a log can tell: imported again, it has the same
//! events, stacks, annotations and settings, and the same heaps.

use std::path::Path;

use memtrace_analysis::{Trace, events::EventLine};
use memtrace_export::{Export, Format, export};
use memtrace_format::{Event, StackId};
use serde_json::{Value, json};

use crate::{pytorch::snapshots, real::recording};

/// Every event of a heap in words, with all of its stack, and every end of an annotation. Those that overlap lie in several lanes; of
/// ends at one time, the snapshot does not say which lane's came first.
fn events(trace: &Trace) -> (Vec<Value>, Vec<String>) {
    let names = trace.definitions();
    let mut annotations = Vec::new();
    let told = trace.events().filter_map(|recorded| {
        let recorded = recorded.unwrap();
        let stack = match recorded.event {
            Event::BlockAlloc(block) => block.stack,
            Event::SegmentAlloc(s)
            | Event::SegmentFree(s)
            | Event::SegmentMap(s)
            | Event::SegmentUnmap(s) => s.stack,
            Event::OutOfMemory(failed) => failed.stack,
            Event::ScopeBegin { name, .. } | Event::ScopeEnd { name } => {
                let begins = matches!(recorded.event, Event::ScopeBegin { .. });
                annotations.push(format!("{} {begins} {}", recorded.time, names.name(name)));
                return None;
            }
            _ => StackId::NONE,
        };
        Some(json!([EventLine::new(&recorded, names), names.frames(stack)]))
    });
    let told = told.collect();
    annotations.sort_unstable();
    (told, annotations)
}

/// What the report says of heaps and of settings, but for scopes: those of overlapping annotations depend on their lanes.
fn figures(trace: &Trace) -> Value {
    let report = trace.analyze(|_| ()).unwrap().report;
    let heap = |heap: &memtrace_analysis::report::Heap| {
        let (peak, end) = (&heap.peak, &heap.end);
        let holes = serde_json::to_value(&heap.fragmentation).unwrap();
        let holes = ["at_peak", "worst", "end"]
            .map(|when| (holes[when]["time_ns"].clone(), holes[when]["free_by_size"].clone()));
        json!([heap.name, heap.known, heap.baseline_bytes, peak.figures, peak.event_index, end, holes])
    };
    json!([report.heaps.iter().map(heap).collect::<Vec<_>>(), report.marks, report.trace.duration_ns])
}

/// The snapshot, and what becomes of it on the way there and back; returns how many events that are.
fn goes_round(path: &Path) -> usize {
    let open = |path: &Path| memtrace_import::open_recording(path, &mut |_, _| ()).unwrap();
    let before = open(path);
    let exported = tempfile::NamedTempFile::new().unwrap();
    export(&before, &Export::new(Format::Torch), exported.as_file(), |_| ()).unwrap();
    let after = open(exported.path());
    let ((old, old_annotations), (new, new_annotations)) = (events(&before), events(&after));
    assert_eq!(old.len(), new.len(), "{}", path.display());
    assert_eq!(old_annotations, new_annotations, "{}", path.display());
    for (place, (old, new)) in old.iter().zip(&new).enumerate() {
        assert_eq!(old, new, "{}: event {place}", path.display());
    }
    assert_eq!(figures(&before), figures(&after), "{}", path.display());
    old.len() + old_annotations.len()
}

#[test]
fn real_snapshots_go_round() {
    let files = [
        "ctx128_forward_annotated.pickle",
        "ctx256_forward_mixed.pickle",
        "small_zero_baseline.pickle",
        "torch20_oom.pickle",
        "mosaic_synthetic.pickle",
    ];
    for file in files {
        let Some(path) = recording(file) else { continue };
        println!("{file}: {} events are the same", goes_round(&path));
    }
}

/// Several devices, expandable segments, memory pools, page-locked memory, annotations that overlap.
#[test]
fn snapshots_of_a_model_of_the_allocator_go_round() {
    let folder = tempfile::tempdir().unwrap();
    if snapshots(&["generate", folder.path().to_str().unwrap()]).is_none() {
        return;
    }
    let mut count = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "pickle") {
            assert!(goes_round(&path) > 0);
            count += 1;
        }
    }
    assert!(count >= 8, "{count} snapshots were made");
}
