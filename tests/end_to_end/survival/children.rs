use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use memtrace_format::Ending;

use super::{
    log::{Log, is_locked},
    numbering::DAEMON,
    tally::{assert_told_until_the_end, tally},
    trial::{Trial, only},
};

const THREADS: u16 = 64;

#[test]
fn children_of_fork_do_not_hang_and_leave_the_log_alone() {
    assert_complete(&mut Trial::new("forks", THREADS, 40));
}

#[test]
fn children_of_fork_do_not_hang_when_their_parent_is_sampled() {
    assert_complete(&mut Trial::new("forks", THREADS, 40).sampled());
}

#[test]
fn children_of_a_bare_clone_leave_the_log_alone() {
    assert_complete(&mut Trial::new("raw-clone", THREADS, 40));
}

#[test]
fn children_of_vfork_leave_the_log_alone() {
    assert_complete(&mut Trial::new("vfork", THREADS, 40));
}

#[test]
fn children_of_posix_spawn_record_into_files_of_their_own() {
    let rounds = 10;
    let trial = Trial::new("spawn", THREADS, rounds);
    let pattern = trial.path("run.%p.trace");
    let mut trial = trial.env("MEMTRACE_FILE", pattern);
    let running = trial.start();
    let parent = trial.path(&format!("run.{}.trace", running.id()));
    let outcome = running.outcome();
    assert!(outcome.status.success() && outcome.stderr.is_empty(), "{outcome:?}");
    assert_clean(&parent, &trial);
    let children: Vec<PathBuf> = trial.logs().into_iter().filter(|path| *path != parent).collect();
    assert_eq!(children.len() as u64, rounds);
    for child in children {
        let log = Log::read(&child);
        assert_eq!(log.closing.as_ref().map(|closing| closing.ending), Some(Ending::Clean));
        assert_eq!(tally(&log)[&0].last, 100);
    }
}

#[test]
fn exec_ends_the_log_without_losing_anything() {
    let mut trial = Trial::new("exec", THREADS, 0);
    let outcome = trial.succeed();
    assert!(
        outcome.stderr.contains("exists; recording into"),
        "the new program has the same name for its log"
    );
    let log = trial.log();
    assert_ne!(log.closing.as_ref().map(|closing| closing.ending), Some(Ending::Clean));
    let acknowledged = trial.acknowledged();
    for (stream, tally) in tally(&log) {
        assert!(
            tally.last >= acknowledged[usize::from(stream)] || tally.needs_a_chunk,
            "{stream}: {tally:?}"
        );
    }
    let first = trial.path("run.trace");
    let second: Vec<PathBuf> = trial.logs().into_iter().filter(|path| *path != first).collect();
    assert_eq!(tally(&Log::read(only(&second)))[&0].last, 100);
}

#[test]
fn a_daemon_does_not_keep_its_parents_log() {
    let mut trial = Trial::new("daemon", THREADS, 1000);
    let outcome = trial.run();
    let daemon = trial.acknowledged_by(DAEMON) as libc::pid_t;
    assert!(daemon > 0, "there is no daemon: {outcome:?}");
    thread::sleep(Duration::from_millis(20));
    let lives = || fs::read_to_string(format!("/proc/{daemon}/stat")).is_ok_and(|stat| !stat.contains(") Z"));
    let (was_alive, locked) = (lives(), is_locked(&trial.path("run.trace")));
    // SAFETY: it is the program's grandchild, and it was alive a moment ago.
    unsafe { libc::kill(daemon, libc::SIGKILL) };
    assert!(outcome.status.success() && outcome.stderr.is_empty(), "{outcome:?}");
    assert!(was_alive, "the daemon ended by itself");
    assert!(!locked, "the lock on the log is held although the process that recorded is gone");
    assert_clean(&trial.path("run.trace"), &trial);
}

/// The parent ends well, says nothing, and its log holds all that it acknowledged.
fn assert_complete(trial: &mut Trial) {
    let outcome = trial.run();
    assert!(outcome.status.success() && outcome.stderr.is_empty(), "{outcome:?}");
    assert_clean(&trial.path("run.trace"), trial);
    only(&trial.logs());
}

/// The parent's log was closed, and holds what its threads had acknowledged when it began to end.
pub(crate) fn assert_clean(path: &Path, trial: &Trial) {
    assert!(!is_locked(path), "the lock on the log is held although the process that recorded is gone");
    let log = Log::read(path);
    assert_eq!(log.closing.as_ref().map(|closing| closing.ending), Some(Ending::Clean));
    assert_told_until_the_end(&log, THREADS, &trial.acknowledged());
}
