use std::fs;

use super::{tally::assert_nothing_lost, trial::Trial};

const THREADS: u16 = 4;

/// More than one extent.
const EVENTS: u64 = 100_000;

#[test]
fn a_program_that_closes_all_descriptors_keeps_its_own_files_whole() {
    let untraced = Trial::untraced("close-all", THREADS, EVENTS).succeed();
    let mut trial = Trial::new("close-all", THREADS, EVENTS);
    trial.run().assert_unchanged(&untraced);
    let own = fs::read(trial.path("own")).unwrap();
    assert_eq!(own.len(), 100_000, "the tracer changed the size of a file that is not its own");
    assert!(own.iter().all(|&byte| byte == b'!'), "the tracer wrote into a file that is not its own");
}

#[test]
fn a_child_keeps_the_files_that_were_opened_after_the_recording() {
    let untraced = Trial::untraced("finish-and-fork", THREADS, 1000).succeed();
    let mut trial = Trial::new("finish-and-fork", THREADS, 1000);
    trial.run().assert_unchanged(&untraced);
    assert_nothing_lost(&trial.log(), &trial.acknowledged());
}

#[test]
fn the_recording_takes_none_of_the_programs_descriptors() {
    let untraced = Trial::untraced("list", 0, 0);
    let count = |mut trial: Trial| trial.succeed().stdout.lines().count();
    let own = count(untraced);
    assert_eq!(count(Trial::new("list", 0, 0)), own);
}
