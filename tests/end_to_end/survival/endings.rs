use memtrace_format::Ending;

use super::{
    log::{Log, is_locked},
    running::wait_until,
    tally::{assert_nothing_lost, assert_told_until_the_end, drops, missing, tally},
    trial::Trial,
};

const THREADS: u16 = 8;

const EVENTS: u64 = 3000;

/// Runs the program to an end of this kind: it is the same as without the recording, and everything is in the log.
fn assert_ends(ending: &str, in_log: Option<Ending>) {
    let untraced = Trial::untraced(ending, THREADS, EVENTS).run();
    let trial = || Trial::new(ending, THREADS, EVENTS);
    for mut trial in [trial(), trial().sampled()] {
        let outcome = trial.run();
        assert_eq!(
            (outcome.status, &outcome.stdout),
            (untraced.status, &untraced.stdout),
            "{ending}: {outcome:?}"
        );
        assert!(!outcome.stderr.contains("memtrace:"), "{ending}: {outcome:?}");
        let log = trial.log();
        assert_nothing_lost(&log, &trial.acknowledged());
        assert_eq!(recorded_ending(&log), in_log, "{ending}");
        assert!(!is_locked(&trial.path("run.trace")));
    }
}

/// How the log ended; none: as if the process were still there.
fn recorded_ending(log: &Log) -> Option<Ending> {
    log.closing.as_ref().map(|closing| closing.ending).filter(|&ending| ending != Ending::Running)
}

#[test]
fn the_end_of_main_is_a_clean_end() {
    assert_ends("none", Some(Ending::Clean));
}

#[test]
fn exit_is_a_clean_end() {
    assert_ends("exit", Some(Ending::Clean));
}

#[test]
fn exit_without_handlers_loses_nothing() {
    assert_ends("_exit", None);
}

#[test]
fn abort_loses_nothing() {
    assert_ends("abort", None);
}

#[test]
fn a_panic_of_main_loses_nothing() {
    assert_ends("panic", Some(Ending::Clean));
}

#[test]
fn a_panic_of_a_thread_loses_nothing() {
    assert_ends("panic-in-thread", Some(Ending::Clean));
}

#[test]
fn exit_while_all_threads_record_loses_nothing_from_before() {
    for _ in 0..10 {
        let mut trial = Trial::new("exit-meanwhile", THREADS, 0).sampled();
        let outcome = trial.run();
        assert_eq!(outcome.status.code(), Some(5), "{outcome:?}");
        assert!(outcome.stderr.is_empty(), "{outcome:?}");
        let log = trial.log();
        assert_eq!(recorded_ending(&log), Some(Ending::Clean));
        assert_told_until_the_end(&log, THREADS, &trial.acknowledged());
    }
}

#[test]
fn finish_ends_the_log_while_the_process_goes_on() {
    let mut trial = Trial::new("finish", THREADS, EVENTS);
    let running = trial.start();
    wait_until("all threads have gone on", || {
        (0..THREADS).all(|stream| trial.acknowledged_by(stream) >= 2 * EVENTS)
    });
    let (log, locked) = (trial.log(), is_locked(&trial.path("run.trace")));
    running.kill();
    assert_eq!(recorded_ending(&log), Some(Ending::Clean));
    assert!(tally(&log).values().all(|tally| tally.last == EVENTS && tally.missing == 0));
    assert!(!locked, "the log still looks as if it were being written");
}

#[test]
fn thousands_of_short_threads_are_there_or_counted() {
    let untraced = Trial::untraced("short-threads", 2000, 7).succeed();
    let mut trial = Trial::new("short-threads", 2000, 7);
    trial.succeed().assert_unchanged(&untraced);
    let log = trial.log();
    let acknowledged = trial.acknowledged();
    // Threads may come faster than chunks can be made for them: what is lost then is counted.
    assert_eq!(missing(&log, &acknowledged), drops(&log).total());
    assert!(log.threads.len() > 100, "{} threads are in the log", log.threads.len());
}

#[test]
fn thread_locals_that_record_when_they_are_destroyed_lose_nothing() {
    let untraced = Trial::untraced("thread-locals", 50, 20).succeed();
    let mut trial = Trial::new("thread-locals", 50, 20);
    trial.succeed().assert_unchanged(&untraced);
    assert!(trial.acknowledged()[..50].iter().all(|&count| count == 22));
    assert_nothing_lost(&trial.log(), &trial.acknowledged());
}
