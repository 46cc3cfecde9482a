//! The report as a person and as a program read it.

use memtrace_analysis::{
    Trace,
    rendering::{InfoText, ReportText, write_json},
};
use memtrace_format::{Definition, Ending, Event, HeapId, OutOfMemory, StackId};

use crate::recording::{Analyzed, DEVICE, HOST, Recording, alloc, evict, file, free, load, segment};

const HOSTILE: &str = "x\u{1b}]0;pwned\u{7}\u{9b}2J\u{202e}\u{200b}\r\n</script>";

fn busy(name: &str) -> Recording {
    let mut recording = Recording::new();
    recording.thread(1, name);
    let step = recording.name(1, name);
    let unet = recording.module(1, name, 0, 3 << 20);
    let vae = recording.module(2, &format!("vae{name}"), 0, 1 << 20);
    for definition in &mut recording.definitions {
        match definition {
            Definition::Engine(engine) => engine.name.push_str(name),
            Definition::Heap(HeapId(1), heap) => heap.name.push_str(name),
            _ => {}
        }
    }
    recording.at(1, 1_000, Event::ScopeBegin { name: step, phase: true });
    recording.at(1, 2_000, Event::SegmentAlloc(segment(0x7000_0000, 20 << 20)));
    recording.transfer(1, (3_000, 900_000), load(vae, 1 << 20));
    recording.transfer(1, (1_000_000, 1_500_000), evict(vae, 1 << 20, unet));
    recording.transfer(1, (2_000_000, 4_000_000), load(unet, 3 << 20));
    recording.at(1, 4_000_001, Event::ForwardBegin(unet));
    for n in 0..30 {
        recording.at(1, 4_100_000 + n, alloc(DEVICE, 0x7000_0000 + n * 0x1_0000, 0x1_0000, 0xf000));
    }
    recording.at(1, 4_200_000, free(DEVICE, 0x7000_0000));
    recording.at(1, 4_300_000, alloc(HOST, 64, 4096, 4096));
    let failed = OutOfMemory {
        pool: DEVICE,
        requested: memtrace_format::Bytes(1 << 30),
        free: None,
        stack: StackId::NONE,
    };
    recording.at(1, 4_400_000, Event::OutOfMemory(failed));
    recording.at(1, 4_500_000, Event::ForwardEnd(unet));
    recording.at(1, 4_600_000, Event::Mark { name: step, value: 1 });
    recording.at(1, 5_000_000, Event::ScopeEnd { name: step });
    recording.close(Ending::Clean, 6_000_000);
    recording
}

fn info_text(recording: &Recording) -> String {
    let file = file(&recording.bytes());
    let trace = Trace::open(file.path()).expect("a readable trace");
    InfoText(&trace.info(|_| ()).expect("a readable file")).to_string()
}

#[test]
fn the_text_report_is_this() {
    insta::assert_snapshot!(ReportText(&busy("step").report()));
}

#[test]
fn the_text_of_info_is_this() {
    insta::assert_snapshot!(info_text(&busy("step")));
}

#[test]
fn nothing_in_a_trace_reaches_a_terminal_as_a_command() {
    let recording = busy(HOSTILE);
    let report = recording.report();
    let mut json = Vec::new();
    write_json(&report, &mut json).unwrap();
    let texts = [ReportText(&report).to_string(), info_text(&recording), String::from_utf8(json).unwrap()];
    for text in texts {
        let bad = |c: &char| *c != '\n' && (c.is_control() || matches!(c, '\u{200b}' | '\u{202e}'));
        assert_eq!(text.chars().find(bad), None, "{text}");
        assert!(!text.contains("\u{202e}"));
    }
}

#[test]
fn lines_fit_a_bug_report() {
    for name in ["step", &"long name ".repeat(30)] {
        let recording = busy(name);
        let texts = [ReportText(&recording.report()).to_string(), info_text(&recording)];
        for line in texts.iter().flat_map(|text| text.lines()) {
            assert!(line.chars().count() <= 200, "{line}");
        }
    }
}

#[test]
fn json_has_the_keys_that_others_rely_on() {
    let value = serde_json::to_value(busy("step").report()).unwrap();
    for path in [
        "/schema_version",
        "/trace/format_version",
        "/trace/engine",
        "/trace/pid",
        "/trace/start_unix_ns",
        "/trace/duration_ns",
        "/trace/events",
        "/trace/threads",
        "/trace/clock",
        "/trace/ended",
        "/trace/dropped/total",
        "/trace/dropped/by_cause",
        "/trace/damaged_chunks",
        "/trace/unreadable_bytes",
        "/heaps/0/name",
        "/heaps/0/device",
        "/heaps/0/kind",
        "/heaps/0/known",
        "/heaps/0/allocs",
        "/heaps/0/frees",
        "/heaps/0/baseline_bytes",
        "/heaps/0/peak/by",
        "/heaps/0/peak/time_ns",
        "/heaps/0/peak/event_index",
        "/heaps/0/peak/requested_bytes",
        "/heaps/0/peak/allocated_bytes",
        "/heaps/0/peak/active_bytes",
        "/heaps/0/peak/reserved_bytes",
        "/heaps/0/peak/by_module/0/bytes",
        "/heaps/0/peak/by_scope/0/name",
        "/heaps/0/peak/by_thread/0/name",
        "/heaps/0/peak/blocks/0/address",
        "/heaps/0/peak/blocks/0/bytes",
        "/heaps/0/peak/blocks/0/module",
        "/heaps/0/peak/blocks/0/scope",
        "/heaps/0/peak/blocks/0/stack",
        "/heaps/0/peak/blocks/0/age_ns",
        "/heaps/0/peak/blocks_total",
        "/heaps/0/reserved_peak/time_ns",
        "/heaps/0/reserved_peak/bytes",
        "/heaps/0/end/reserved_bytes",
        "/heaps/0/fragmentation/at_peak/time_ns",
        "/heaps/0/fragmentation/worst/inactive_bytes",
        "/heaps/0/fragmentation/end/free_blocks",
        "/heaps/0/fragmentation/end/largest_free_bytes",
        "/heaps/0/fragmentation/end/external",
        "/heaps/0/fragmentation/end/active_over_reserved",
        "/heaps/0/fragmentation/end/internal_bytes",
        "/modules/0/name",
        "/modules/0/parent",
        "/modules/0/bytes",
        "/modules/0/fingerprint",
        "/modules/0/forwards",
        "/modules/0/residency/0/tier",
        "/modules/0/residency/0/from_ns",
        "/modules/0/residency/0/to_ns",
        "/modules/0/resident_ns/device:0",
        "/modules/0/loads",
        "/modules/0/evictions",
        "/modules/0/transfer_bytes",
        "/modules/0/transfer_ns",
        "/transfers/count",
        "/transfers/bytes",
        "/transfers/by_direction/h2d/gbps/p50",
        "/transfers/by_direction/d2h/ns",
        "/transfers/by_direction/d2d/gbps_why",
        "/transfers/by_direction/disk/count",
        "/transfers/pageable_bytes",
        "/transfers/pinned_bytes",
        "/swaps/count",
        "/swaps/bytes",
        "/swaps/ns",
        "/swaps/stall_ns",
        "/swaps/thrash/count",
        "/swaps/by_module/0/name",
        "/phases/0/name",
        "/phases/0/thread",
        "/phases/0/from_ns",
        "/phases/0/to_ns",
        "/samples/counters",
        "/ooms/0/time_ns",
        "/ooms/0/heap",
        "/ooms/0/requested_bytes",
        "/ooms/0/inactive_bytes",
        "/ooms/0/largest_free_bytes",
        "/ooms/0/verdict",
    ] {
        assert!(value.pointer(path).is_some(), "{path} is missing");
    }
    assert_unknowns_have_reasons(&value, "");
}

/// Every null has a `_why` beside it.
fn assert_unknowns_have_reasons(value: &serde_json::Value, path: &str) {
    match value {
        serde_json::Value::Object(fields) => {
            for (key, field) in fields {
                let reason = fields.get(&format!("{key}_why"));
                assert!(
                    !field.is_null() || reason.is_some_and(|why| why.is_string()),
                    "{path}/{key} is null"
                );
                assert_unknowns_have_reasons(field, &format!("{path}/{key}"));
            }
        }
        serde_json::Value::Array(items) => {
            items.iter().for_each(|item| assert_unknowns_have_reasons(item, &format!("{path}/[]")));
        }
        _ => {}
    }
}
