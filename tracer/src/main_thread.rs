//! A process whose main thread leaves before the others.
//!
//! A process ends with its last thread. The tracer's own threads must not be that: where the main thread is gone and no thread
//! of the program's is left, the process is to end as though they were not there.
//!
//! - The main thread left by `pthread_exit`: the C library lets the last thread call `exit(0)`, which runs the program's
//!   handlers and writes what its streams hold. The tracer's threads cannot do that, for they do not have the program's
//!   descriptors; so a thread that has them is started when the main thread leaves, and waits.
//! - It ended by the system call, as it must under strict seccomp: nothing is run. The helper ends the process when it has
//!   closed the log, with the main thread's status.

use std::{
    ffi::CStr,
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use crate::{
    cursor,
    log::{Signal, Thread},
    message::say,
    session, signals,
};

/// The names of the tracer's threads. What a driver's library starts on one of them has its name too.
const OWN: [&CStr; 6] =
    [c"memtrace", c"memtrace-host", c"memtrace-device", c"memtrace-sync", c"memtrace-poll", c"memtrace-end"];

/// As much as a program's handlers may expect of the thread that calls them.
const STACK: usize = 8 << 20;

/// Whether a thread waits to end the process.
static WAITS: AtomicBool = AtomicBool::new(false);

/// What it waits for.
static ALONE: Signal<()> = Signal::new();

/// Whether the calling thread is the main one.
pub(crate) fn is_this() -> bool {
    // SAFETY: they have no arguments.
    unsafe { libc::gettid() == libc::getpid() }
}

/// The calling thread ends, and the process does not.
pub(crate) fn at_thread_end() {
    if !is_this() || !session::is_recorded() || WAITS.swap(true, Ordering::Relaxed) {
        return;
    }
    let _inside = cursor::enter();
    // The thread takes no signal of the program's while it waits; then it has the mask of the main thread.
    let signals = signals::hold_back();
    let before = signals.clone();
    let thread = Thread::start(c"memtrace-end", STACK, move || {
        ALONE.wait();
        drop(before);
        // SAFETY: ending the process has no condition.
        unsafe { libc::exit(0) };
    });
    drop(signals);
    match thread {
        Ok(thread) => thread.detach(),
        Err(error) => {
            say(format_args!("the process may end without its handlers: cannot start a thread: {error}"))
        }
    }
}

/// In a forked child: its main thread is the one that it has.
pub(crate) fn start_over() {
    WAITS.store(false, Ordering::Relaxed);
}

/// Whether the main thread has left by `pthread_exit`.
pub(crate) fn has_left() -> bool {
    WAITS.load(Ordering::Relaxed)
}

/// On the helper's thread: ends the process if no thread of the program's is left, or says with what status the helper is to
/// end it.
pub(crate) fn end_process_if_alone() -> Option<libc::c_int> {
    let status = status_if_only_tracers_are_left()?;
    if !has_left() {
        return Some(status);
    }
    ALONE.give(());
    None
}

/// The main thread's status, if it is gone and all others are the tracer's. `None`, too, if the kernel does not say.
fn status_if_only_tracers_are_left() -> Option<libc::c_int> {
    /// The place of what `wait` would say, counted from the state.
    const EXIT_CODE: usize = 49;
    let own = Path::new("/proc/self");
    // The state stands behind the name, which may hold anything.
    let main = fs::read_to_string(own.join("stat")).ok()?;
    let (start, rest) = main.rsplit_once(") ")?;
    let (process, name) = start.split_once(" (")?;
    if !rest.starts_with('Z') || is_own(name) {
        return None;
    }
    for thread in fs::read_dir(own.join("task")).ok()? {
        let thread = thread.ok()?;
        let name = || fs::read_to_string(thread.path().join("comm")).ok();
        if thread.file_name() != process && !is_own(name()?.trim_end()) {
            return None;
        }
    }
    Some(libc::WEXITSTATUS(rest.split_whitespace().nth(EXIT_CODE)?.parse().ok()?))
}

fn is_own(name: &str) -> bool {
    OWN.iter().any(|own| own.to_bytes() == name.as_bytes())
}
