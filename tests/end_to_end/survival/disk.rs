use memtrace_format::{DropCause, Ending};

use super::{
    mount,
    running::Outcome,
    tally::{drops, missing},
    trial::Trial,
};
use crate::optional;

const THREADS: u16 = 4;

/// What is recorded needs about two extents of file.
const EVENTS: u64 = 50_000;

fn untraced() -> Outcome {
    Trial::untraced("none", THREADS, EVENTS).succeed()
}

/// The program, recording into a tmpfs of `kibibytes`.
fn on_disk_of(kibibytes: u64) -> Trial {
    let mut trial = Trial::new("none", THREADS, EVENTS);
    mount::record_into_tmpfs(&mut trial, &format!("size={kibibytes}k"));
    trial
}

#[test]
fn a_disk_without_room_for_a_log_changes_nothing() {
    if !optional::mount() {
        return;
    }
    let untraced = untraced();
    // No room for: the header; the closing block; the first chunk.
    for kibibytes in [4, 8, 8 + 60] {
        let mut trial = on_disk_of(kibibytes);
        let outcome = trial.run();
        let line = outcome.assert_unchanged(&untraced);
        assert!(line.contains("not recording") && line.contains("No space left"), "{kibibytes} KiB: {line}");
        assert!(trial.logs().is_empty(), "{kibibytes} KiB: a log that is of no use was left behind");
    }
    let mut trial = Trial::new("none", THREADS, EVENTS);
    mount::record_into_tmpfs(&mut trial, "nr_inodes=1");
    let outcome = trial.run();
    assert!(outcome.assert_unchanged(&untraced).contains("No space left"), "{outcome:?}");
}

#[test]
fn a_disk_that_fills_up_ends_the_log_and_not_the_program() {
    if !optional::mount() {
        return;
    }
    let untraced = untraced();
    // Full: behind the first chunks, which are a part of an extent; behind a whole extent; behind a later chunk.
    for kibibytes in [8 + 64, 8 + 2 * 64, 8 + 21 * 64, 8 + 64 * 64, 8 + 65 * 64 + 32, 8 + 90 * 64] {
        let mut trial = on_disk_of(kibibytes);
        let outcome = trial.run();
        let line = outcome.assert_unchanged(&untraced);
        assert!(
            line.contains("recording stops") && line.contains("No space left"),
            "{kibibytes} KiB: {line}"
        );
        let log = trial.log();
        let closing = log.closing.as_ref().expect("room for the closing block is there from the start");
        assert_eq!(closing.ending, Ending::Stopped);
        assert!(line.ends_with(&closing.text) && !closing.text.is_empty(), "{:?}: {line}", closing.text);
        let drops = drops(&log);
        assert_eq!(drops.total(), missing(&log, &trial.acknowledged()), "{kibibytes} KiB");
        assert!(drops.of(DropCause::DiskFull) > 0);
        assert_eq!(drops.total(), drops.of(DropCause::DiskFull) + drops.of(DropCause::NoChunk), "{drops:?}");
    }
}

#[test]
fn a_read_only_directory_changes_nothing() {
    if !optional::mount() {
        return;
    }
    let mut trial = Trial::new("none", THREADS, EVENTS);
    mount::record_into_tmpfs(&mut trial, "ro");
    let outcome = trial.run();
    let line = outcome.assert_unchanged(&untraced());
    assert!(line.contains("not recording") && line.contains("Read-only"), "{line}");
}
