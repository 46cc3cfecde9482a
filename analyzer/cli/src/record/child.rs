//! Runs the program as `time` and `strace` do: it has the terminal, signals are forwarded to it, and its exit status is returned.

use std::{
    fs, io,
    os::unix::process::ExitStatusExt as _,
    process::{Command, ExitStatus},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::{
    consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGWINCH},
    iterator::{SignalsInfo, exfiltrator::origin::WithOrigin},
    low_level::{emulate_default_handler, siginfo::Cause},
};

/// What goes on to the program.
const PASSED_ON: [i32; 9] = [SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT, SIGWINCH];

/// A program that has ended.
pub(crate) struct Ended {
    pub(crate) process: u32,
    /// As shells have it: 128 + n where signal n ended it.
    pub(crate) status: u8,
}

/// Runs the program to its end.
pub(crate) fn run(command: &mut Command) -> io::Result<Ended> {
    // Before it starts, so that none is missed. What this process was told to ignore, the program is to ignore as well.
    let ignored = ignored();
    let passed_on = PASSED_ON.iter().filter(|&&signal| ignored & (1 << (signal - 1)) == 0);
    let mut signals = SignalsInfo::<WithOrigin>::new(passed_on)?;
    let mut child = command.spawn()?;
    let (process, handle) = (child.id(), signals.handle());
    let passing = thread::spawn(move || {
        for signal in signals.forever() {
            // What the terminal sends, it sends to the program as well.
            if !matches!(signal.cause, Cause::Kernel) {
                send(process, signal.signal);
            }
            if signal.signal == SIGTSTP {
                let _ = emulate_default_handler(SIGTSTP);
            }
        }
    });
    let ended = child.wait();
    handle.close();
    let _ = passing.join();
    Ok(Ended { process, status: status(ended?) })
}

fn send(process: u32, signal: i32) {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    if let (Some(process), Some(signal)) = (process, Signal::from_named_raw(signal)) {
        // It may have ended a moment ago, and is not waited for before this returns.
        let _ = kill_process(process, signal);
    }
}

fn status(ended: ExitStatus) -> u8 {
    const SIGNALLED: i32 = 128;
    let status = ended.code().or_else(|| ended.signal().map(|signal| SIGNALLED + signal));
    status.and_then(|status| u8::try_from(status).ok()).unwrap_or(1)
}

/// The signals that this process ignores, a bit each.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
