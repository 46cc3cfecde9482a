//! The order across threads, where stamps do not give it.

use memtrace_analysis::{
    Checkpoints, Nanos, Recorded, Trace, TraceRange,
    cut::cut,
    events::{Browser, Entry},
    snapshot::HeapSnapshot,
};
use memtrace_format::{Event, NameId};

use crate::recording::{Analyzed, DEVICE, Recording, alloc, block, events, file, free, load};

const A: u64 = 0x1000;

fn take(address: u64) -> Event {
    alloc(DEVICE, address, 512, 512)
}

fn give(address: u64) -> Event {
    free(DEVICE, address)
}

/// The events of threads 1, 2, …, each with its time.
fn run(threads: &[&[(u64, Event)]]) -> Recording {
    let mut recording = Recording::new();
    recording.chunk_events = 2;
    for (thread, events) in (1..).zip(threads) {
        for (time, event) in *events {
            recording.at(thread, *time, *event);
        }
    }
    recording
}

/// The most that the heap held, what it holds at the end, and how often something did not fit.
fn found(recording: &Recording) -> (u64, u64, u64) {
    let report = recording.report();
    let heap = &report.heaps[0];
    let peak = heap.peak.figures.allocated_bytes.0;
    (peak, heap.end.allocated_bytes.0, report.trace.oddities.values().sum())
}

#[test]
fn a_free_that_is_stamped_before_its_alloc_comes_behind_it() {
    for early in [1, 110, 500] {
        let recording =
            run(&[&[(1_000 - early, give(A)), (5_000, take(A))], &[(1_000, take(A)), (9_000, give(A))]]);
        assert_eq!(found(&recording), (512, 0, 0), "{early}");
        let order = events(&recording.bytes());
        assert_eq!(
            order,
            [(1_000, 2, take(A)), (1_001, 1, give(A)), (5_000, 1, take(A)), (9_000, 2, give(A))]
        );
    }
}

#[test]
fn one_that_is_stamped_behind_it_is_left_alone() {
    let threads: &[&[(u64, Event)]] =
        &[&[(1_100, give(A))], &[(1_000, take(A)), (1_200, take(A)), (1_300, give(A))]];
    let recording = run(threads);
    assert_eq!(found(&recording), (512, 0, 0));
    assert_eq!(
        events(&recording.bytes()).iter().map(|event| event.0).collect::<Vec<_>>(),
        [1_000, 1_100, 1_200, 1_300]
    );
}

#[test]
fn what_lies_outside_of_the_window_is_told_as_it_is() {
    let recording = run(&[&[(1_000, give(A))], &[(1_501, take(A)), (9_000, give(A))]]);
    assert_eq!(found(&recording), (512, 0, 1));
    assert_eq!(events(&recording.bytes())[0], (1_000, 1, give(A)));
}

#[test]
fn an_alloc_that_is_stamped_before_the_free_of_its_address_comes_behind_it() {
    let recording = run(&[&[(10, take(A)), (1_000, give(A))], &[(900, take(A)), (9_000, give(A))]]);
    assert_eq!(found(&recording), (512, 0, 0));
    assert_eq!(events(&recording.bytes())[2], (1_001, 2, take(A)));
}

#[test]
fn an_address_may_be_used_again_within_the_window() {
    // Both frees are stamped before both allocs.
    let recording = run(&[
        &[(1_000, give(A)), (1_010, give(A))],
        &[(1_100, take(A)), (1_200, take(A)), (9_000, give(0x9000))],
    ]);
    let (peak, end, odd) = found(&recording);
    assert_eq!((peak, end, odd), (512, 0, 1), "the one of an address that nobody had");
    let order: Vec<_> =
        events(&recording.bytes()).into_iter().map(|(time, thread, _)| (time, thread)).collect();
    assert_eq!(order, [(1_100, 2), (1_101, 1), (1_200, 2), (1_201, 1), (9_000, 2)]);
}

#[test]
fn three_threads_hand_a_block_on() {
    // The second gives back what the first took, then takes what the third gives back; the stamps are the other way around.
    let recording =
        run(&[&[(1_000, take(A))], &[(950, give(A)), (955, take(0x2000))], &[(940, give(0x2000))]]);
    assert_eq!(found(&recording), (512, 0, 0));
    let order: Vec<_> =
        events(&recording.bytes()).into_iter().map(|(time, thread, _)| (time, thread)).collect();
    assert_eq!(order, [(1_000, 1), (1_001, 2), (1_001, 2), (1_002, 3)]);
}

#[test]
fn what_waits_for_each_other_ends() {
    let (x, y) = (0x1000, 0x2000);
    let mut threads = [Vec::new(), Vec::new()];
    for time in 0..200 {
        threads[0].extend([(time * 10, give(x)), (time * 10 + 1, take(y))]);
        threads[1].extend([(time * 10, give(y)), (time * 10 + 1, take(x))]);
    }
    let recording = run(&[&threads[0], &threads[1]]);
    assert_eq!(recording.report().trace.events, 800);
}

#[test]
fn frees_in_two_steps_and_ends_of_transfers_wait_too() {
    let mut recording = run(&[
        &[(1_000, take(A)), (2_000, Event::BlockFreeRequested(block(DEVICE, A)))],
        &[(1_950, Event::BlockFreeCompleted(block(DEVICE, A)))],
    ]);
    let module = recording.module(1, "unet", 0, 512);
    let moved = load(module, 512);
    let correlation = recording.begin(1, 3_000, moved);
    recording.end(3, 1, 2_900, correlation, moved);
    assert_eq!(found(&recording), (512, 0, 0));
}

/// A queue of one place between two threads: the second gives back what the first takes, and is stamped early now and then.
fn handed_over(blocks: u64) -> Recording {
    let mut recording = Recording::new();
    recording.chunk_events = 7;
    for number in 0..blocks {
        let (time, address) = (number * 400, 0x1000 * (number % 3 + 1));
        let early = if number % 5 == 0 { 110 } else { 0 };
        recording.at(1, time + 1_000, take(address));
        recording.at(1, time + 1_001, Event::Mark { name: NameId(1), value: number });
        recording.at(2, time + 1_050 - early, give(address));
        recording.at(2, time + 1_060 - early, Event::Mark { name: NameId(1), value: number });
    }
    recording
}

#[test]
fn every_way_to_the_events_has_the_same_order() {
    let recording = handed_over(300);
    assert_eq!(found(&recording), (512, 0, 0));
    let file = file(&recording.bytes());
    let trace = Trace::open(file.path()).unwrap();
    let mut whole: Vec<Recorded> = Vec::new();
    for event in trace.events() {
        whole.push(event.unwrap());
    }
    assert!(whole.is_sorted_by_key(|event| event.time));
    assert_eq!(whole.len(), 1_200);

    // From any place on.
    for from in (0..130_000).step_by(997).map(Nanos) {
        let there: Vec<_> =
            Browser::new(&trace).from(from).map(|entry: Result<Entry, _>| entry.unwrap().recorded).collect();
        let first = whole.partition_point(|event| event.time < from);
        assert_eq!(there, whole[first..], "{from}");
    }

    // From any checkpoint, and without one; before and behind the whole analysis.
    let checkpoints = Trace::open(file.path()).unwrap().checkpoints(50.try_into().unwrap()).unwrap();
    assert!(checkpoints.times().len() > 10);
    for time in (0..130_000).step_by(1_777).map(Nanos) {
        let fresh = Trace::open(file.path()).unwrap();
        let near = Trace::open(file.path()).unwrap().at(&checkpoints, time).unwrap();
        let far = fresh.at(&Checkpoints::default(), time).unwrap();
        let live = |instant: &HeapSnapshot| -> Vec<_> {
            instant.heaps.iter().flat_map(|heap| &heap.blocks).map(|block| block.address).collect()
        };
        assert_eq!(live(&near), live(&far), "{time}");
        assert!(live(&near).len() <= 1, "{time}");
    }

    // A part, cut out of it or looked at.
    let (from, to) = (Nanos(41_000), Nanos(83_000));
    let part = tempfile::NamedTempFile::new().unwrap();
    cut(&trace, from, Some(to), part.reopen().unwrap(), &mut |_| ()).unwrap();
    let cut_out: Vec<_> = Trace::open(part.path()).unwrap().events().map(Result::unwrap).collect();
    let inside: Vec<_> =
        whole.iter().filter(|event| event.time >= from && event.time <= to).copied().collect();
    assert_eq!(cut_out, inside);
    let report = recording.part(&TraceRange::Between { from, to: Some(to) }).unwrap();
    assert!(report.trace.oddities.is_empty(), "{:?}", report.trace.oddities);
    assert_eq!(report.heaps[0].peak.figures.allocated_bytes.0, 512);
}
