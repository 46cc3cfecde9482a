use memtrace_format::{Definition, DropCause};

use super::{
    mount,
    numbering::INSIDE,
    tally::{drops, missing},
    trial::Trial,
};
use crate::optional;

const THREADS: u16 = 6;

/// Asserts that exactly the missing events are counted, all of them for `cause`. Returns how many.
fn assert_dropped_for(cause: DropCause, trial: &Trial) -> u64 {
    let missing = dropped_for(cause, trial);
    assert!(missing > 0, "nothing was lost");
    missing
}

/// The same, where nothing may be missing.
fn dropped_for(cause: DropCause, trial: &Trial) -> u64 {
    let log = trial.log();
    let drops = drops(&log);
    let missing = missing(&log, &trial.acknowledged());
    assert_eq!((drops.of(cause), drops.total()), (missing, missing), "{drops:?}");
    missing
}

/// Whether the tracer's helper keeps up is the machine's affair: more and more events are recorded until it does not.
#[test]
fn drops_for_want_of_a_chunk_are_counted_exactly() {
    let lost = [1, 2, 4, 8].into_iter().any(|times| {
        let mut trial = Trial::new("no-chunk", THREADS, times * 250_000);
        trial.succeed();
        dropped_for(DropCause::NoChunk, &trial) > 0
    });
    assert!(lost, "nothing was lost");
}

#[test]
fn drops_for_the_size_limit_are_counted_exactly() {
    // Less than an extent: the limit is known before the first event, so nobody ever waits for a chunk.
    let mut trial = Trial::new("none", THREADS, 30_000).env("MEMTRACE_MAX_SIZE", "2 MiB");
    trial.succeed();
    assert_dropped_for(DropCause::SizeLimit, &trial);
}

#[test]
fn drops_for_a_full_disk_are_counted_exactly() {
    if !optional::mount() {
        return;
    }
    let mut trial = Trial::new("none", THREADS, 30_000);
    mount::record_into_tmpfs(&mut trial, "size=2m");
    trial.succeed();
    assert_dropped_for(DropCause::DiskFull, &trial);
}

#[test]
fn drops_after_a_failure_are_counted_exactly() {
    let untraced = Trial::untraced("address-space", THREADS, 100_000).succeed();
    let mut trial = Trial::new("address-space", THREADS, 100_000);
    let outcome = trial.succeed();
    assert!(outcome.assert_unchanged(&untraced).contains("cannot map"), "{outcome:?}");
    let log = trial.log();
    let drops = drops(&log);
    assert!(drops.of(DropCause::Failed) > 0, "{drops:?}");
    assert_eq!(drops.total(), drops.of(DropCause::Failed) + drops.of(DropCause::NoChunk));
    assert_eq!(drops.total(), missing(&log, &trial.acknowledged()));
}

#[test]
fn drops_inside_the_tracer_are_counted_exactly() {
    let mut trial = Trial::new("inside-the-tracer", 1, 300);
    trial.succeed();
    let dropped = assert_dropped_for(DropCause::Reentrant, &trial);
    assert_eq!(dropped, trial.acknowledged_by(INSIDE));
}

#[test]
fn lost_definitions_are_counted_exactly() {
    let names = 3000;
    // Room for one chunk, which the definitions take.
    let mut trial = Trial::new("many-names", 1, names).env("MEMTRACE_MAX_SIZE", (8192 + 65536).to_string());
    trial.succeed();
    let log = trial.log();
    let is_name =
        |definition: &&Definition| matches!(definition, Definition::Name(_, name) if name.text != "number");
    let written = log.definitions.iter().filter(is_name).count() as u64;
    let drops = drops(&log);
    assert!(written > 0);
    // Besides the names, the thread's own definition found no room.
    let threads =
        log.definitions.iter().filter(|definition| matches!(definition, Definition::Thread(..))).count();
    assert_eq!(drops.of(DropCause::Definition), names - written + 1 - threads as u64);
    assert_eq!(drops.of(DropCause::SizeLimit), names);
}
