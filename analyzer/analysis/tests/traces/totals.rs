//! An allocator's own sums beside its events, where several threads report.

use memtrace_analysis::report::{AllocatorTotals, FindingVerdict, Report};
use memtrace_format::{
    CounterDefinition, CounterId, CounterValue, Definition, Ending, Event, HeapDefinition, HeapId,
    MemoryKind, Unit, well_known::ALLOCATED_TOTAL,
};

use crate::recording::{Analyzed, HOST, Recording, alloc, free};

const SUM: CounterId = CounterId(1);

fn recording() -> Recording {
    let mut recording = Recording::new();
    let name = format!("host{ALLOCATED_TOTAL}");
    let counter = CounterDefinition { name, unit: Unit::Bytes as u8, device: 0 };
    recording.definitions.push(Definition::Counter(SUM, counter));
    recording.close(Ending::Clean, 1_000_000);
    recording
}

/// The sums that a thread reports, each with its time.
fn sums<const N: usize>(recording: &mut Recording, thread: u32, told: [(u64, u64); N]) {
    for (time, bytes) in told {
        let value = CounterValue::Integer(bytes);
        recording.at(thread, time, Event::CounterSample { counter: SUM, value });
    }
}

fn judged(report: &Report) -> (FindingVerdict, Option<AllocatorTotals>) {
    let found = report.findings.iter().find(|finding| finding.id == "allocator-totals");
    let heap = report.heaps.iter().find(|heap| heap.name.recorded() == "host");
    (found.expect("it is judged").verdict, heap.expect("it has events").allocator)
}

/// Two threads begin at once: the first sum knows of a block whose event comes behind it.
#[test]
fn a_first_sum_that_is_ahead_in_passing_is_not_taken_for_blocks_of_before() {
    let mut recording = recording();
    recording.at(1, 10, alloc(HOST, 4096, 100, 100));
    sums(&mut recording, 1, [(11, 300)]);
    recording.at(2, 12, alloc(HOST, 8192, 200, 200));
    sums(&mut recording, 2, [(13, 300), (15, 100)]);
    recording.at(2, 14, free(HOST, 8192));
    recording.threads.values_mut().for_each(|events| events.sort_by_key(|(time, _)| *time));
    let (verdict, totals) = judged(&recording.report());
    assert_eq!(verdict, FindingVerdict::Ok, "{totals:?}");
    assert_eq!(totals.map(|totals| (totals.samples, totals.differing)), Some((3, 1)));
}

/// Blocks of before recording began stay in every sum, whoever tells it.
#[test]
fn blocks_of_before_are_told_from_sums_that_differ_in_passing() {
    let mut recording = recording();
    recording.at(1, 10, alloc(HOST, 4096, 100, 100));
    sums(&mut recording, 1, [(11, 1100)]);
    recording.at(2, 12, alloc(HOST, 8192, 200, 200));
    sums(&mut recording, 2, [(13, 1300)]);
    assert_eq!(judged(&recording.report()).0, FindingVerdict::Na);
}

/// Two threads define the same heap at once. The first to store it wins, and the other one stays empty, whichever has the lower id.
#[test]
fn sums_are_held_against_the_heap_that_has_the_events() {
    for empty in [HeapId(0x7ff), HeapId(1)] {
        let mut recording = recording();
        let twin = HeapDefinition { name: "host".to_owned(), kind: MemoryKind::Host as u8, device: 0 };
        recording
            .definitions
            .retain(|definition| !matches!(definition, Definition::Heap(id, _) if *id == empty));
        recording.definitions.push(Definition::Heap(empty, twin));
        recording.at(1, 10, alloc(HOST, 4096, 100, 100));
        sums(&mut recording, 1, [(11, 100)]);
        let (verdict, totals) = judged(&recording.report());
        assert_eq!(
            (verdict, totals.map(|totals| totals.samples)),
            (FindingVerdict::Ok, Some(1)),
            "{empty:?}"
        );
    }
}
