//! What the tracer says on the program's stderr: at most a line at a time, and never at the program's cost.

use std::{fmt::Display, mem, ptr, sync::OnceLock};

/// The file that was stderr when recording began. What a daemon opens in its place is no place for messages.
static STDERR: OnceLock<Option<Identity>> = OnceLock::new();

type Identity = (libc::dev_t, libc::ino_t);

/// From now on, nothing is said to another file than stderr is now.
pub(crate) fn remember_stderr() {
    STDERR.get_or_init(stderr);
}

fn stderr() -> Option<Identity> {
    // SAFETY: all zeros are a valid `stat`, and it is a valid place to write to.
    unsafe {
        let mut status: libc::stat = mem::zeroed();
        (libc::fstat(libc::STDERR_FILENO, &raw mut status) == 0).then_some((status.st_dev, status.st_ino))
    }
}

/// Writes `memtrace: message` to stderr in one piece, if stderr takes it at once. No lock is waited for (another thread may
/// hold the standard library's), no reader either, and a reader that is gone is no signal.
pub(crate) fn say(message: impl Display) {
    if STDERR.get().is_some_and(|before| *before != stderr()) {
        return;
    }
    let line = format!("memtrace: {message}\n");
    without_sigpipe(|| {
        let mut poll = libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
        // SAFETY: there is one valid `pollfd`. With a timeout of 0 the call does not wait.
        let ready = unsafe { libc::poll(&raw mut poll, 1, 0) };
        if ready == 1 && poll.revents & libc::POLLOUT != 0 {
            // A pipe that is ready takes PIPE_BUF bytes without waiting.
            let length = line.len().min(libc::PIPE_BUF);
            // SAFETY: the line has at least `length` bytes. What is not taken is not said.
            unsafe { libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), length) };
        }
    });
}

/// Runs `work` so that a SIGPIPE of its making reaches nobody.
fn without_sigpipe(work: impl FnOnce()) {
    // SAFETY: all sets are valid places that are filled before they are read. SIGPIPE goes to the thread that wrote, so one
    // that is pending afterwards and was not before is of our making; it is taken away before the mask is put back.
    unsafe {
        let mut pipe = mem::zeroed();
        let mut before = mem::zeroed();
        let mut pending = mem::zeroed();
        libc::sigemptyset(&raw mut pipe);
        libc::sigaddset(&raw mut pipe, libc::SIGPIPE);
        libc::sigpending(&raw mut pending);
        let was_pending = libc::sigismember(&raw const pending, libc::SIGPIPE) == 1;
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const pipe, &raw mut before);
        work();
        if !was_pending {
            let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            libc::sigtimedwait(&raw const pipe, ptr::null_mut(), &raw const at_once);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut());
    }
}
