use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::fd::AsRawFd,
    process::Stdio,
};

use super::{running::Outcome, trial::Trial};

const THREADS: u16 = 2;

/// More than a log of 1 MiB holds.
const EVENTS: u64 = 30_000;

fn untraced() -> Outcome {
    Trial::untraced("none", THREADS, EVENTS).succeed()
}

/// A run in which the tracer has something to say before the program begins, and one in which it has while it runs.
fn trials() -> [Trial; 2] {
    [
        Trial::new("none", THREADS, EVENTS).env("MEMTRACE_FILE", "missing/run.trace"),
        Trial::new("none", THREADS, EVENTS).env("MEMTRACE_MAX_SIZE", "1MiB"),
    ]
}

#[test]
fn a_stderr_that_takes_nothing_changes_nothing() {
    let untraced = untraced();
    for mut trial in trials() {
        trial.command.stderr(OpenOptions::new().write(true).open("/dev/full").unwrap());
        trial.run().assert_unchanged(&untraced);
    }
}

#[test]
fn a_stderr_that_nobody_reads_any_more_changes_nothing() {
    let untraced = untraced();
    for mut trial in trials() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        trial.command.stderr(writer);
        trial.run().assert_unchanged(&untraced);
    }
}

#[test]
fn a_stderr_that_is_full_holds_nothing_up() {
    let untraced = untraced();
    for mut trial in trials() {
        let (_reader, mut writer) = io::pipe().unwrap();
        // SAFETY: fcntl with these arguments takes no pointers.
        let size = unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_GETPIPE_SZ) };
        writer.write_all(&vec![b'.'; size as usize]).unwrap();
        trial.command.stderr(writer);
        trial.run().assert_unchanged(&untraced);
    }
}

#[test]
fn a_closed_stderr_changes_nothing() {
    use std::os::unix::process::CommandExt;
    let untraced = untraced();
    for mut trial in trials() {
        trial.command.stderr(Stdio::null());
        // SAFETY: close may be called between fork and exec.
        unsafe {
            trial.command.pre_exec(|| {
                libc::close(2);
                Ok(())
            });
        }
        trial.run().assert_unchanged(&untraced);
    }
}

#[test]
fn a_program_that_holds_stderr_while_it_exits_is_not_held_up() {
    let untraced = Trial::untraced("hold-stderr", THREADS, EVENTS).succeed();
    let mut trial = Trial::new("hold-stderr", THREADS, EVENTS).env("MEMTRACE_MAX_SIZE", "1MiB");
    trial.run().assert_unchanged(&untraced);
}
