use std::{
    fs::File,
    os::fd::AsRawFd,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use memtrace_format::{CHUNK_BYTES, FIRST_CHUNK_OFFSET};

use super::{
    running::Running,
    trial::{Trial, only},
};
use crate::optional::{self, Need};

/// The kernel writes pages by itself when they have been dirty for 30 s, unless memory is short.
const BEFORE_THE_KERNEL: Duration = Duration::from_secs(25);

/// Starts a program that fills its log up to the largest size at once, and goes on.
fn recording(trial: &mut Trial) -> Running {
    let running = trial.start();
    // 1 MiB has room for 32 Ki events.
    while trial.acknowledged_by(0) < 100_000 {
        thread::sleep(Duration::from_millis(1));
    }
    running
}

fn endless() -> Trial {
    Trial::new("endless", 1, 0).env("MEMTRACE_MAX_SIZE", "1 MiB")
}

#[test]
fn what_was_recorded_is_on_the_disk_after_the_interval() {
    let mut unprotected = endless();
    let running = recording(&mut unprotected);
    if dirty_pages(only(&unprotected.logs())).is_none_or(|pages| pages == 0) {
        let why = "needs a kernel that tells of dirty pages (6.5), and a disk behind the temporary folder";
        return optional::skip(Need::DirtyPages, why);
    }
    running.kill();

    let mut trial = endless().env("MEMTRACE_FSYNC", "20ms");
    let running = recording(&mut trial);
    let begin = Instant::now();
    while dirty_pages(only(&trial.logs())) != Some(0) {
        assert!(begin.elapsed() < BEFORE_THE_KERNEL, "nobody made the disk hold the log");
        thread::sleep(Duration::from_millis(5));
    }
    running.kill();
}

#[test]
fn an_interval_that_is_none_is_named_and_recording_goes_on() {
    let untraced = Trial::untraced("none", 1, 1000).succeed();
    let mut trial = Trial::new("none", 1, 1000).env("MEMTRACE_FSYNC", "often");
    let outcome = trial.succeed();
    let line = outcome.assert_unchanged(&untraced);
    assert!(line.contains("MEMTRACE_FSYNC") && line.contains("often"), "{line}");
    assert_eq!(trial.log().threads.values().map(|thread| thread.events.len()).sum::<usize>(), 1000);
}

#[test]
fn a_protected_recording_ends_and_is_whole() {
    let untraced = Trial::untraced("none", 4, 50_000).succeed();
    let mut trial = Trial::new("none", 4, 50_000).env("MEMTRACE_FSYNC", "1ms");
    assert_eq!(trial.succeed().assert_unchanged(&untraced), "");
    assert_eq!(trial.log().threads.values().map(|thread| thread.events.len()).sum::<usize>(), 200_000);
    assert_eq!(dirty_pages(only(&trial.logs())).unwrap_or(0), 0, "the end is synced too");
}

/// How many pages of the file's first chunk the disk does not hold yet. `None`: the kernel does not tell.
fn dirty_pages(log: &Path) -> Option<u64> {
    const SYS_CACHESTAT: libc::c_long = 451;
    let range = [FIRST_CHUNK_OFFSET as u64, CHUNK_BYTES as u64];
    // Pages cached, dirty, being written, evicted, recently evicted.
    let mut pages = [0_u64; 5];
    let file = File::open(log).ok()?;
    // SAFETY: the kernel reads the range and writes five numbers, for which there is room.
    let outcome =
        unsafe { libc::syscall(SYS_CACHESTAT, file.as_raw_fd(), range.as_ptr(), pages.as_mut_ptr(), 0) };
    let [_, dirty, written, ..] = pages;
    (outcome == 0).then_some(dirty + written)
}
