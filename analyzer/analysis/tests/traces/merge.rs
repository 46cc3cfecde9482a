//! The order of events.

use memtrace_analysis::Trace;
use memtrace_format::{Event, NameId};
use proptest::prelude::*;

use crate::recording::{Analyzed, Recording, events, file};

fn mark(value: u64) -> Event {
    Event::Mark { name: NameId(1), value }
}

proptest! {
    /// Random threads with few or many events, times that mostly rise and sometimes step back, chunks of few events.
    #[test]
    fn the_stream_is_a_stable_merge_by_clamped_time(
        threads in prop::collection::btree_map(
            1u32..20,
            prop::collection::vec((0u64..50, 0u64..8), 0..60),
            1..8,
        ),
        chunk_events in 1usize..9,
    ) {
        let mut recording = Recording::new();
        recording.chunk_events = chunk_events;
        let mut expected = Vec::new();
        let mut value = 0;
        for (&thread, steps) in &threads {
            recording.threads.insert(thread, Vec::new());
            let (mut time, mut latest) = (0u64, 0u64);
            for &(forward, back) in steps {
                time = (time + forward).saturating_sub(if back == 0 { 40 } else { 0 });
                latest = latest.max(time);
                value += 1;
                recording.at(thread, time, mark(value));
                expected.push((latest, thread, mark(value)));
            }
        }
        // A stable sort keeps each thread's own order.
        expected.sort_by_key(|(time, thread, _)| (*time, *thread));
        prop_assert_eq!(events(&recording.bytes()), expected);
    }
}

/// The chunks of one thread turn out to be due long after the time of their first record: whoever reads ahead has read them too early,
/// and more of them than it keeps.
#[test]
fn chunks_that_were_expected_earlier_come_when_they_are_due() {
    let mut recording = Recording::new();
    recording.chunk_events = 2;
    let mut expected = Vec::new();
    for n in 0..300 {
        let (time, due) = match n {
            0 => (1, 1),
            1 => (1_000, 1_000),
            _ => (2, 1_000),
        };
        recording.at(1, time, mark(n));
        expected.push((due, 1, mark(n)));
        recording.at(2, n * 10, mark(1_000 + n));
        expected.push((n * 10, 2, mark(1_000 + n)));
    }
    expected.sort_by_key(|(time, thread, _)| (*time, *thread));
    let bytes = recording.bytes();
    assert_eq!(events(&bytes), expected);

    let file = file(&bytes);
    let report = |trace: Trace| serde_json::to_value(trace.analyze(|_| ()).unwrap().report).unwrap();
    let (ahead, in_time) =
        (Trace::open(file.path()).unwrap(), Trace::open(file.path()).unwrap().with_one_thread());
    let found = report(ahead);
    assert_eq!(found, report(in_time));
    assert_eq!(found["trace"]["events"], 600);
    assert_eq!(found["trace"]["oddities"]["time that steps back"], 298);
}

#[test]
fn steps_back_are_counted_and_events_keep_their_order() {
    let mut recording = Recording::new();
    for (time, value) in [(10, 1), (5, 2), (20, 3)] {
        recording.at(1, time, mark(value));
    }
    assert_eq!(events(&recording.bytes()), [(10, 1, mark(1)), (10, 1, mark(2)), (20, 1, mark(3))]);
    let oddities = recording.report().trace.oddities;
    assert_eq!(oddities["time that steps back"], 1);
    assert_eq!(oddities["chunk whose recorder saw time step back"], 1);
}

#[test]
fn a_trace_without_events_is_a_trace() {
    let report = Recording::new().report();
    assert_eq!((report.trace.events, report.trace.threads), (0, Some(0)));
    assert_eq!(report.trace.duration_ns.0, 0);
}
