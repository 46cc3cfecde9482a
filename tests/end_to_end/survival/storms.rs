use std::fs;

use super::{
    tally::{drops, missing},
    trial::Trial,
};

const THREADS: u16 = 2000;

/// The bytes that a thread may take of the file: its definition, the record that says that a chunk is its own now, its event.
const BYTES_A_THREAD: u64 = 256;

#[test]
fn threads_of_one_event_take_the_room_of_one_event() {
    let mut trial = Trial::new("short-threads", THREADS, 1);
    trial.succeed();
    let log = trial.log();
    assert_eq!((missing(&log, &trial.acknowledged()), drops(&log).total()), (0, 0));
    // One chunk for each of the threads that live at a time, and for what else there is.
    let most = 32 * (64 << 10) + u64::from(THREADS) * BYTES_A_THREAD;
    let bytes = fs::metadata(trial.path("run.trace")).unwrap().len();
    assert!(bytes < most, "{bytes} bytes for {THREADS} threads of one event");
}

#[test]
fn a_small_ring_loses_nothing_of_threads_of_one_event() {
    let mut trial = Trial::new("short-threads", THREADS, 1).env("MEMTRACE_MODE", "ring");
    trial = trial.env("MEMTRACE_MAX_SIZE", "8 MiB");
    trial.succeed();
    let log = trial.log();
    assert_eq!((missing(&log, &trial.acknowledged()), drops(&log).total()), (0, 0));
}

#[test]
fn the_parts_of_shared_chunks_are_analyzed_as_their_threads_events() {
    let mut trial = Trial::new("short-threads", THREADS, 7);
    trial.succeed();
    let (log, report) = (trial.log(), memtrace_analysis::analyze(trial.path("run.trace")).unwrap().report);
    let events: usize = log.threads.values().map(|thread| thread.events.len()).sum();
    assert_eq!((report.trace.events, report.trace.threads), (events as u64, Some(log.threads.len() as u64)));
    assert!(report.trace.oddities.is_empty(), "{:?}", report.trace.oddities);
    assert!(report.trace.threads >= Some(u64::from(THREADS)));
}

#[test]
fn threads_that_wait_for_room_lose_nothing() {
    let events = 100_000;
    let ring = |mebibytes: &str| {
        let trial = Trial::new("burst", 4, events).env("MEMTRACE_MODE", "ring");
        trial.env("MEMTRACE_MAX_SIZE", mebibytes).env("MEMTRACE_FULL", "wait")
    };
    for mut trial in
        [ring("2 MiB"), ring("4 MiB"), Trial::new("burst", 300, 2000).env("MEMTRACE_FULL", "wait")]
    {
        trial.succeed();
        assert_eq!(drops(&trial.log()).total(), 0);
    }
}

/// Prints what storms of threads lose, by default and where they wait for room.
#[test]
#[ignore = "takes minutes; for a release, see tests/README.md"]
fn what_storms_of_threads_lose_is_counted_and_nothing_where_they_wait() {
    for (threads, events, runs) in [(300, 10_000, 10), (1000, 5000, 3)] {
        for full in ["drop", "wait"] {
            let lost = (0..runs).map(|_| {
                let mut trial = Trial::new("burst", threads, events).env("MEMTRACE_FULL", full);
                trial.succeed();
                let (log, acknowledged) = (trial.log(), trial.acknowledged());
                let lost = drops(&log).total();
                assert_eq!(missing(&log, &acknowledged), lost);
                lost
            });
            let mut lost: Vec<u64> = lost.collect();
            lost.sort_unstable();
            println!("{threads} threads of {events} blocks, MEMTRACE_FULL={full}: {lost:?} events lost");
            assert!(full == "drop" || lost.iter().all(|&lost| lost == 0));
        }
    }
}
