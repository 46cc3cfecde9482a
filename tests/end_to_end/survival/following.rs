use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use memtrace_format::{Definition, Ending, Event};

use super::{
    children::assert_clean,
    log::Log,
    numbering::{CHILDREN, DAEMON, FOLLOWER_NAME, STREAMS_OF_A_CHILD},
    tally::{number, tally},
    trial::{Trial, only},
};

const THREADS: u16 = 64;

const ROUNDS: u64 = 12;

/// The program, whose forked children are to record as well.
fn followed(hazard: &str, threads: u16, events: u64, file: &str) -> Trial {
    Trial::untraced(hazard, threads, events).env("MEMTRACE_FOLLOW_FORK", "1").env("MEMTRACE_FILE", file)
}

#[test]
fn children_that_record_have_a_log_each_and_leave_their_parents_alone() {
    for file in ["run.%p.trace", "run.trace"] {
        let mut trial = followed("following-forks", THREADS, ROUNDS, file);
        let running = trial.start();
        let pid = running.id();
        let outcome = running.outcome();
        assert!(outcome.status.success(), "{outcome:?}");
        let parent = trial.path(&file.replace("%p", &pid.to_string()));
        assert_clean(&parent, &trial);
        let parents = Log::read(&parent);
        assert!(!parents.names().any(|name| name == FOLLOWER_NAME), "a child wrote into its parent's log");
        assert!(
            tally(&parents).keys().all(|&stream| stream < CHILDREN),
            "a child wrote into its parent's log"
        );
        let others: Vec<PathBuf> = trial.logs().into_iter().filter(|path| *path != parent).collect();
        // A line for each child that finds its parent's file in the way.
        let said = if file == "run.trace" { others.len() } else { 0 };
        assert_eq!(outcome.stderr.lines().count(), said, "{outcome:?}");
        assert_complete(&others, &trial);
    }
}

/// Every stream of every child is whole, in a log of the child's own.
fn assert_complete(paths: &[PathBuf], trial: &Trial) {
    let grandchildren = ROUNDS.div_ceil(3);
    assert_eq!(paths.len() as u64, ROUNDS + grandchildren);
    let acknowledged = trial.acknowledged();
    let mut found = BTreeSet::new();
    let mut ends = Vec::new();
    for path in paths {
        let log = Log::read(path);
        assert!(path.to_string_lossy().ends_with(&format!(".{}.trace", log.header.pid)), "{path:?}");
        assert_names_are_the_parents(&log);
        for (stream, tally) in tally(&log) {
            assert_eq!(
                (tally.last, tally.missing),
                (acknowledged[usize::from(stream)], 0),
                "stream {stream}"
            );
            assert!(found.insert(stream), "stream {stream} is in two logs");
        }
        // Short-lived ones that call _exit have written none.
        assert!(log.closing.as_ref().is_none_or(|closing| closing.drops.total() == 0));
        ends.push(log.closing.map(|closing| closing.ending));
    }
    let expected = (0..ROUNDS as u16).flat_map(|round| {
        let streams = if round.is_multiple_of(3) { STREAMS_OF_A_CHILD } else { STREAMS_OF_A_CHILD - 1 };
        (0..streams).map(move |stream| CHILDREN + round * STREAMS_OF_A_CHILD + stream)
    });
    assert_eq!(found, expected.collect());
    let clean = ends.iter().filter(|&&ending| ending == Some(Ending::Clean)).count() as u64;
    assert_eq!(clean, ROUNDS / 2 + grandchildren, "those that call exit close their logs: {ends:?}");
}

/// What the events name was defined before the fork, and the child's log says what it is.
fn assert_names_are_the_parents(log: &Log) {
    let events = || log.threads.values().flat_map(|thread| &thread.events);
    let mark = events().find_map(|(_, event)| match event {
        Event::Mark { name, .. } => Some(*name),
        _ => None,
    });
    let pool = events().find_map(|(_, event)| match event {
        Event::BlockAlloc(block) => Some(block.pool),
        _ => None,
    });
    let (mut name, mut heap) = (None, None);
    for definition in &log.definitions {
        match definition {
            Definition::Name(id, definition) if Some(*id) == mark => name = Some(definition.text.as_str()),
            Definition::Pool(id, definition) if Some(*id) == pool => heap = Some(definition.heap),
            _ => {}
        }
    }
    assert_eq!(name, Some("number"));
    let is_its_heap =
        |definition: &&Definition| matches!(definition, Definition::Heap(id, _) if Some(id.0) == heap);
    let Some(Definition::Heap(_, heap)) = log.definitions.iter().find(is_its_heap) else {
        panic!("the heap of {pool:?} is not defined: {:?}", log.definitions);
    };
    assert_eq!(heap.name, "numbers");
    assert!(log.definitions.iter().any(|definition| matches!(definition, Definition::Engine(_))));
    let threads = log.definitions.iter().filter(|definition| matches!(definition, Definition::Thread(..)));
    assert_eq!(threads.count(), log.threads.len(), "threads of the parent are none of the child");
}

#[test]
fn a_child_that_records_nothing_has_no_log() {
    let mut trial = followed("silent-forks", THREADS, 20, "run.trace");
    let outcome = trial.run();
    assert!(outcome.status.success() && outcome.stderr.is_empty(), "{outcome:?}");
    assert_clean(&trial.path("run.trace"), &trial);
    only(&trial.logs());
}

#[test]
fn a_daemon_records_into_a_log_of_its_own() {
    let mut trial = followed("following-daemon", THREADS, 100, "run.trace");
    let outcome = trial.run();
    assert!(outcome.status.success() && outcome.stderr.is_empty(), "{outcome:?}");
    assert_clean(&trial.path("run.trace"), &trial);
    let log = Log::read(&trial.path(&format!("run.{}.trace", trial.acknowledged_by(DAEMON))));
    assert_names_are_the_parents(&log);
    assert_eq!(log.closing.as_ref().map(|closing| closing.ending), Some(Ending::Clean));
    let streams = tally(&log);
    for stream in [CHILDREN, CHILDREN + 1] {
        assert_eq!(streams[&stream].last, trial.acknowledged_by(stream));
    }
    assert_eq!(
        fs::read_to_string(trial.path("own")).unwrap(),
        "",
        "the tracer spoke into the daemon's own file"
    );
}

/// The child goes on with what the handler interrupted, inside the tracer or out of it.
#[test]
fn a_fork_in_a_handler_hurts_nobody_when_children_record() {
    let trial = Trial::without_a_file("fork-in-handler", 1, 100).env("MEMTRACE_FOLLOW_FORK", "1");
    let mut trial = trial.env("MEMTRACE_FILE", "run.%p.trace");
    let running = trial.start();
    let parent = running.id();
    let outcome = running.outcome();
    assert!(outcome.status.success(), "{outcome:?}");
    assert!(outcome.stderr.lines().all(|line| line.contains("not recording this child")), "{outcome:?}");
    for path in trial.logs() {
        let log = Log::read(&path);
        assert!(path.to_string_lossy().ends_with(&format!("run.{}.trace", log.header.pid)), "{path:?}");
        if log.header.pid == parent {
            tally(&log);
        }
        // A child goes on counting where its parent was.
        for thread in log.threads.values() {
            let numbers = thread.events.iter().filter_map(|(_, event)| number(event));
            assert!(numbers.is_sorted_by(|a, b| a.stream == b.stream && a.count < b.count), "{path:?}");
        }
    }
    assert!(trial.path(&format!("run.{parent}.trace")).exists());
}

#[test]
fn a_wish_to_follow_that_is_none_is_named() {
    let untraced = Trial::untraced("none", 1, 100).succeed();
    let outcome = Trial::new("none", 1, 100).env("MEMTRACE_FOLLOW_FORK", "yes").run();
    assert!(outcome.assert_unchanged(&untraced).contains("MEMTRACE_FOLLOW_FORK"), "{outcome:?}");
}

/// A program that a child becomes starts by its environment, as ever.
#[test]
fn programs_that_are_started_are_not_children_that_follow() {
    for hazard in ["vfork", "spawn"] {
        let mut trial = followed(hazard, THREADS, 5, "run.%p.trace");
        let running = trial.start();
        let parent = trial.path(&format!("run.{}.trace", running.id()));
        let outcome = running.outcome();
        assert!(outcome.status.success() && outcome.stderr.is_empty(), "{outcome:?}");
        assert_clean(&parent, &trial);
        let others: Vec<PathBuf> = trial.logs().into_iter().filter(|path| *path != parent).collect();
        // The programs that vfork's children become have no environment.
        assert_eq!(others.len(), if hazard == "spawn" { 5 } else { 0 });
        others.iter().for_each(|path| assert_is_another_programs(path));
    }
}

fn assert_is_another_programs(path: &Path) {
    let log = Log::read(path);
    assert_eq!(tally(&log)[&0].last, 100);
}
