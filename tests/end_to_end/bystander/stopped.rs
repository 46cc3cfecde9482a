use std::{mem, process::Command};

use memtrace_format::{DropCause, Ending};

use super::{Lab, bystander, closing};

/// What a program takes of processors until its end, in microseconds.
#[expect(clippy::zombie_processes, reason = "wait4 waits for it, and says what it took")]
fn processor_time(mut command: Command) -> i64 {
    let child = command.spawn().unwrap();
    let mut status = 0;
    // SAFETY: all zeros are a valid `rusage`; the process is a child that nobody else waits for.
    let usage = unsafe {
        let mut usage: libc::rusage = mem::zeroed();
        assert!(libc::wait4(child.id().cast_signed(), &raw mut status, 0, &raw mut usage) > 0);
        usage
    };
    assert_eq!(status, 0);
    let microseconds = |time: libc::timeval| time.tv_sec * 1_000_000 + time.tv_usec;
    microseconds(usage.ru_utime) + microseconds(usage.ru_stime)
}

#[test]
fn a_recording_that_stopped_costs_less_than_one_that_goes_on() {
    const ROUNDS: u64 = 500_000;
    let rounds = ROUNDS.to_string();
    let (goes_on, stopped) = (Lab::new(), Lab::new());
    let mut limited = stopped.recorded(bystander(), &["work", &rounds]);
    limited.env("MEMTRACE_MAX_SIZE", "1MiB");
    let stopped_time = processor_time(limited);
    let recorded_time = processor_time(goes_on.recorded(bystander(), &["work", &rounds]));
    assert!(stopped_time < recorded_time, "{stopped_time} µs stopped, {recorded_time} µs recorded");
    // Every block is in the log or counted.
    let closing = closing(&stopped);
    assert_eq!(closing.ending, Ending::Stopped);
    let recorded = memtrace_analysis::analyze(stopped.path("run.trace")).unwrap().report.trace.events;
    let lost = closing.drops.of(DropCause::SizeLimit);
    assert!(recorded + lost >= ROUNDS, "{recorded} recorded, {lost} lost of {ROUNDS} blocks");
}
