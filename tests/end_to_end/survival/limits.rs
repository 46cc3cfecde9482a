use memtrace_format::{DropCause, Ending};

use super::{
    running::Outcome,
    tally::{drops, missing},
    trial::Trial,
};

const THREADS: u16 = 4;

const EVENTS: u64 = 50_000;

/// Sizes at which each of the log's growth points fails: header, closing block, first chunk.
const TOO_SMALL: [u64; 5] = [0, 4095, 8191, 8192, 8192 + 65535];

/// Sizes at which the log ends: a single chunk, some chunks, a whole extent, in a later one.
const SMALL: [u64; 4] = [8192 + 65536, (1 << 20) + 7, 8192 + (4 << 20), 5 << 20];

fn untraced() -> Outcome {
    Trial::untraced("none", THREADS, EVENTS).succeed()
}

#[test]
fn a_limit_below_the_smallest_log_changes_nothing() {
    let untraced = untraced();
    for limit in TOO_SMALL {
        let by_option = Trial::new("none", THREADS, EVENTS).env("MEMTRACE_MAX_SIZE", limit.to_string());
        let by_process = Trial::new("none", THREADS, EVENTS).limit(libc::RLIMIT_FSIZE, limit);
        for mut trial in [by_option, by_process] {
            let outcome = trial.run();
            assert!(outcome.assert_unchanged(&untraced).contains("not recording"), "{limit}: {outcome:?}");
            assert!(trial.logs().is_empty(), "{limit}: a log that is of no use was left behind");
        }
    }
}

#[test]
fn a_log_that_reaches_max_size_ends_there() {
    let untraced = untraced();
    for limit in SMALL {
        let mut trial = Trial::new("none", THREADS, EVENTS).env("MEMTRACE_MAX_SIZE", limit.to_string());
        assert_ends_at(limit, &mut trial, &untraced, "MEMTRACE_MAX_SIZE");
    }
}

#[test]
fn a_log_that_reaches_the_largest_file_of_the_process_ends_there() {
    let untraced = untraced();
    for limit in SMALL {
        let mut trial = Trial::new("none", THREADS, EVENTS).limit(libc::RLIMIT_FSIZE, limit);
        assert_ends_at(limit, &mut trial, &untraced, "ulimit -f");
    }
}

fn assert_ends_at(limit: u64, trial: &mut Trial, untraced: &Outcome, reason: &str) {
    let outcome = trial.run();
    let line = outcome.assert_unchanged(untraced);
    assert!(line.contains("recording stops") && line.contains(reason), "{limit}: {line}");
    assert!(trial.path("run.trace").metadata().unwrap().len() <= limit);
    let log = trial.log();
    let closing = log.closing.as_ref().expect("a closing block");
    assert_eq!(closing.ending, Ending::Stopped);
    assert!(closing.text.contains(reason), "{:?}", closing.text);
    let drops = drops(&log);
    assert!(drops.of(DropCause::SizeLimit) > 0);
    assert_eq!(drops.total(), drops.of(DropCause::SizeLimit) + drops.of(DropCause::NoChunk), "{drops:?}");
    assert_eq!(drops.total(), missing(&log, &trial.acknowledged()), "{limit}");
}

#[test]
fn a_size_that_is_none_is_named_and_recording_goes_on() {
    let untraced = untraced();
    for size in ["", "many", "-1", "1.5G"] {
        let mut trial = Trial::new("none", THREADS, EVENTS).env("MEMTRACE_MAX_SIZE", size);
        let outcome = trial.run();
        assert!(outcome.assert_unchanged(&untraced).contains("MEMTRACE_MAX_SIZE"), "{outcome:?}");
        assert_eq!(drops(&trial.log()).total(), missing(&trial.log(), &trial.acknowledged()));
    }
}

/// The log's descriptor is none of the program's, so a program that has no more of them is recorded all the same.
#[test]
fn a_process_without_descriptors_is_recorded() {
    let untraced = Trial::without_a_file("no-descriptors", THREADS, EVENTS).succeed();
    let trial = Trial::without_a_file("no-descriptors", THREADS, EVENTS);
    let log = trial.path("run.trace");
    let mut trial = trial.env("MEMTRACE_FILE", &log);
    assert_eq!(trial.run().assert_unchanged(&untraced), "");
    let report = memtrace_analysis::analyze(&log).unwrap().report;
    assert!(report.trace.events >= EVENTS, "{} events are in the log", report.trace.events);
}

/// The program, which may start no thread. Root may start any number, so it is not root's.
fn without_threads() -> Trial {
    let trial = Trial::without_a_file("nothing", 0, 0).for_nobody_if_root();
    let log = trial.path("run.trace");
    trial.limit(libc::RLIMIT_NPROC, 0).env("MEMTRACE_FILE", log)
}

#[test]
fn a_process_that_may_start_no_thread_goes_on_without_a_log() {
    let outcome = without_threads().run();
    let line = outcome.assert_unchanged(&Trial::untraced("nothing", 0, 0).succeed());
    assert!(line.contains("not recording") && line.contains("cannot start a thread"), "{line}");
}

#[test]
fn a_log_that_could_not_begin_is_not_left_behind() {
    let mut trial = without_threads();
    trial.run();
    assert!(trial.logs().is_empty());
}
