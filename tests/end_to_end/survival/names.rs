use std::collections::BTreeSet;

use memtrace_format::Ending;

use super::{
    log::Log,
    running::wait_until,
    tally::{assert_nothing_lost, tally},
    trial::Trial,
};

const THREADS: u16 = 2;

const EVENTS: u64 = 2000;

#[test]
fn processes_on_one_template_have_a_log_each() {
    let trial = Trial::without_a_file("none", THREADS, EVENTS);
    let pattern = trial.path("run.%p.trace");
    let mut trial = trial.env("MEMTRACE_FILE", pattern);
    let running: Vec<_> = (0..64).map(|_| trial.start()).collect();
    let processes: BTreeSet<u32> = running.iter().map(|running| running.id()).collect();
    for running in running {
        let outcome = running.outcome();
        assert!(outcome.status.success() && outcome.stderr.is_empty(), "{outcome:?}");
    }
    let logs: Vec<Log> = trial.logs().iter().map(|path| Log::read(path)).collect();
    assert_eq!(logs.iter().map(|log| log.header.pid).collect::<BTreeSet<_>>(), processes);
    assert_eq!(logs.iter().map(|log| log.header.session).collect::<BTreeSet<_>>().len(), 64);
    for log in &logs {
        assert_eq!(log.closing.as_ref().map(|closing| closing.ending), Some(Ending::Clean));
        let streams = tally(log);
        assert_eq!(streams.len(), usize::from(THREADS));
        assert!(streams.values().all(|tally| tally.last == EVENTS && tally.missing == 0), "{streams:?}");
    }
}

#[test]
fn the_second_of_two_processes_records_beside_the_first_and_says_where() {
    let mut trial = Trial::new("endless", THREADS, 0);
    let log = trial.path("run.trace");
    let first = trial.start();
    wait_until("the first records", || trial.acknowledged_by(0) > 0);
    let mut second = Trial::new("none", THREADS, EVENTS).env("MEMTRACE_FILE", &log);
    let running = second.start();
    let beside = trial.path(&format!("run.{}.trace", running.id()));
    let outcome = running.outcome();
    let line = outcome.assert_unchanged(&Trial::untraced("none", THREADS, EVENTS).succeed());
    assert!(line.contains(beside.to_str().unwrap()), "{line}");
    assert_nothing_lost(&Log::read(&beside), &second.acknowledged());
    let pid = first.id();
    first.kill();
    let log = trial.log();
    assert_eq!(log.header.pid, pid);
    assert_nothing_lost(&log, &trial.acknowledged());
}
