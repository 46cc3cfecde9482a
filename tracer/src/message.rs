//! Messages of the tracer on the program's stderr: at most a line at a time, and never at the program's cost.
//!
//! A thread that has a table of descriptors of its own does not have stderr in it: whoever waits for the end of that pipe waits
//! for nobody but the program. Such a thread borrows it for the time of a line.

use std::{
    cell::Cell,
    fmt::Display,
    mem, ptr,
    sync::{Mutex, OnceLock, PoisonError},
};

/// The file that was stderr when recording began. What a daemon opens in its place is no place for messages.
static STDERR: OnceLock<Option<Identity>> = OnceLock::new();

type Identity = (libc::dev_t, libc::ino_t);

/// From now on, nothing is said to another file than stderr is now.
pub(crate) fn remember_stderr() {
    STDERR.get_or_init(stderr);
}

fn stderr() -> Option<Identity> {
    identity(libc::STDERR_FILENO)
}

fn identity(descriptor: libc::c_int) -> Option<Identity> {
    // SAFETY: all zeros are a valid `stat`, and it is a valid place to write to.
    unsafe {
        let mut status: libc::stat = mem::zeroed();
        (libc::fstat(descriptor, &raw mut status) == 0).then_some((status.st_dev, status.st_ino))
    }
}

thread_local! {
    /// Whether this thread's descriptors are not the program's.
    static APART: Cell<bool> = const { Cell::new(false) };
}

/// Lines that a thread apart could not say: where a sandbox forbids it to borrow stderr.
static UNSAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The most lines that wait to be said.
const MOST_UNSAID: usize = 8;

/// This thread has no stderr from now on.
pub(crate) fn borrow_stderr_from_now_on() {
    APART.set(true);
}

/// Says what threads apart could not say, on a thread of the program's.
pub(crate) fn say_the_rest() {
    let unsaid = mem::take(&mut *UNSAID.lock().unwrap_or_else(PoisonError::into_inner));
    unsaid.iter().for_each(|line| write(libc::STDERR_FILENO, line));
}

/// Writes `memtrace: message` to stderr in one piece, if stderr takes it at once. No lock is waited for (another thread may
/// hold the standard library's), no reader either, and a reader that is gone is no signal.
pub(crate) fn say(message: impl Display) {
    let line = format!("memtrace: {message}\n");
    if !APART.get() {
        return write(libc::STDERR_FILENO, &line);
    }
    match borrow_stderr() {
        Some(stderr) => {
            write(stderr, &line);
            // SAFETY: it was borrowed above, into the table of this thread.
            unsafe { libc::close(stderr) };
        }
        None => {
            let mut unsaid = UNSAID.lock().unwrap_or_else(PoisonError::into_inner);
            if unsaid.len() < MOST_UNSAID {
                unsaid.push(line);
            }
        }
    }
}

/// The program's stderr as it is now, in the table of this thread. `None`: the kernel does not give it, or there is none.
fn borrow_stderr() -> Option<libc::c_int> {
    // SAFETY: the calls take no pointers and make descriptors that this thread alone has.
    unsafe {
        let process = libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0) as libc::c_int;
        if process < 0 {
            return None;
        }
        let stderr = libc::syscall(libc::SYS_pidfd_getfd, process, libc::STDERR_FILENO, 0) as libc::c_int;
        libc::close(process);
        (stderr >= 0).then_some(stderr)
    }
}

fn write(stderr: libc::c_int, line: &str) {
    if STDERR.get().is_some_and(|before| *before != identity(stderr)) {
        return;
    }
    without_sigpipe(|| {
        let mut poll = libc::pollfd { fd: stderr, events: libc::POLLOUT, revents: 0 };
        // SAFETY: there is one valid `pollfd`. With a timeout of 0 the call does not wait.
        let ready = unsafe { libc::poll(&raw mut poll, 1, 0) };
        if ready == 1 && poll.revents & libc::POLLOUT != 0 {
            // A pipe that is ready takes PIPE_BUF bytes without waiting.
            let length = line.len().min(libc::PIPE_BUF);
            // SAFETY: the line has at least `length` bytes. What is not taken is not said.
            unsafe { libc::write(stderr, line.as_ptr().cast(), length) };
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
