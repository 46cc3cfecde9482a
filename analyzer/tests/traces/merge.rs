//! The order of events.

use memtrace_format::{Event, NameId};
use proptest::prelude::*;

use crate::recording::{Recording, events};

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
    assert_eq!((report.trace.events, report.trace.threads), (0, 0));
    assert_eq!(report.trace.duration_ns.0, 0);
}
