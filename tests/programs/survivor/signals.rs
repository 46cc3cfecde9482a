use std::{
    mem, ptr,
    sync::atomic::{AtomicI32, Ordering},
    thread,
};

use crate::{
    children::wait_for,
    numbering::HANDLERS,
    stream::{Stream, line},
    work,
};

/// Two timers send two signals to a thread that does nothing but record. Their handlers record too, and interrupt each
/// other. It ends when there were `signals` of them.
pub(crate) fn storm(signals: u64) {
    handle(libc::SIGUSR1, record_first);
    handle(libc::SIGUSR2, record_second);
    let timers = [timer(libc::SIGUSR1), timer(libc::SIGUSR2)];
    while handled() < signals {
        // Each timer sends one signal a round: where signals come faster than they can be handled, the thread still goes on.
        let before = handled();
        set(timers[0], &once(11_000));
        set(timers[1], &once(8_000 + before as i64 % 64 * 100));
        while handled() < before + 2 {
            Stream(0).record();
        }
    }
}

/// The timer of a sampling profiler interrupts a thread that records now and then; the handler records too.
pub(crate) fn profile(signals: u64) {
    handle(libc::SIGPROF, record_first);
    let interval = libc::timeval { tv_sec: 0, tv_usec: 1000 };
    let timer = libc::itimerval { it_interval: interval, it_value: interval };
    // SAFETY: `timer` is a valid timer.
    unsafe { libc::setitimer(libc::ITIMER_PROF, &raw const timer, ptr::null_mut()) };
    while handled() < signals {
        work::record_on_this_thread(0, 1);
    }
    // SAFETY: as above; a timer of zero stops.
    unsafe { libc::setitimer(libc::ITIMER_PROF, &mem::zeroed(), ptr::null_mut()) };
}

/// A handler forks while the thread it interrupted records. The child returns from the handler, and so finishes what was
/// interrupted. Each time it is another thread, for its first event is the one that asks most of the tracer.
pub(crate) fn fork_in_handler(forks: u64) {
    handle(libc::SIGUSR1, fork_here);
    mask(libc::SIG_BLOCK, libc::SIGUSR1);
    for fork in 0..forks {
        // Once, and at another instruction each time.
        let when = once(2_000 + fork as i64 * 97);
        let thread = thread::spawn(move || {
            mask(libc::SIG_UNBLOCK, libc::SIGUSR1);
            set(timer(libc::SIGUSR1), &when);
            while CHILD.load(Ordering::Relaxed) == NOT_YET {
                Stream(fork as u16).record();
            }
            if CHILD.load(Ordering::Relaxed) == 0 {
                // SAFETY: ending the process has no condition.
                unsafe { libc::_exit(0) };
            }
        });
        thread.join().expect("it ends");
        wait_for(CHILD.swap(NOT_YET, Ordering::Relaxed));
    }
}

/// What the last fork returned.
static CHILD: AtomicI32 = AtomicI32::new(NOT_YET);

const NOT_YET: libc::pid_t = -2;

extern "C" fn fork_here(_: libc::c_int) {
    // SAFETY: the thread was at no lock that its child could need: the tracer lets no handler come while it is at one.
    CHILD.store(unsafe { libc::fork() }, Ordering::Relaxed);
}

extern "C" fn record_first(_: libc::c_int) {
    Stream(HANDLERS[0]).record();
}

extern "C" fn record_second(_: libc::c_int) {
    Stream(HANDLERS[1]).record();
}

fn handled() -> u64 {
    HANDLERS.iter().map(|&stream| line(stream).load(Ordering::Relaxed)).sum()
}

fn handle(signal: libc::c_int, handler: extern "C" fn(libc::c_int)) {
    // SAFETY: the handler is a function of the right type that does what handlers may: it touches atomics, calls what is
    // safe in a handler, and calls the tracer, which promises to be.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigemptyset(&raw mut action.sa_mask);
        assert_eq!(libc::sigaction(signal, &raw const action, ptr::null_mut()), 0);
    }
}

/// Whether this thread takes the signal.
fn mask(how: libc::c_int, signal: libc::c_int) {
    // SAFETY: the set is a valid place, filled before it is read.
    unsafe {
        let mut set = mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::pthread_sigmask(how, &raw const set, ptr::null_mut());
    }
}

/// A timer that sends `signal` when it is set.
fn timer(signal: libc::c_int) -> libc::timer_t {
    // SAFETY: all zeros are a valid event, and all pointers are to valid places.
    unsafe {
        let mut timer = mem::zeroed();
        let mut event: libc::sigevent = mem::zeroed();
        event.sigev_notify = libc::SIGEV_SIGNAL;
        event.sigev_signo = signal;
        assert_eq!(libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer), 0);
        timer
    }
}

fn set(timer: libc::timer_t, times: &libc::itimerspec) {
    // SAFETY: the timer exists, and the times are valid.
    assert_eq!(unsafe { libc::timer_settime(timer, 0, times, ptr::null_mut()) }, 0);
}

fn once(nanoseconds: i64) -> libc::itimerspec {
    let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    libc::itimerspec { it_interval: never, it_value: libc::timespec { tv_sec: 0, tv_nsec: nanoseconds } }
}
