use std::{
    mem, ptr,
    sync::atomic::{AtomicI32, Ordering},
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
    let timers = [(libc::SIGUSR1, 11_000), (libc::SIGUSR2, 17_000)]
        .map(|(signal, nanoseconds)| (timer(signal), every(nanoseconds)));
    timers.iter().for_each(|(timer, interval)| set(*timer, interval));
    while handled() < signals {
        Stream(0).record();
    }
    let never = every(0);
    timers.iter().for_each(|(timer, _)| set(*timer, &never));
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
/// interrupted.
pub(crate) fn fork_in_handler(forks: u64) {
    handle(libc::SIGUSR1, fork_here);
    let timer = timer(libc::SIGUSR1);
    // A thread's first event takes a lock, which a child would find taken.
    Stream(0).record();
    for fork in 0..forks {
        // Once, and at another instruction each time.
        let when = libc::itimerspec { it_interval: every(0).it_interval, ..every(20_000 + fork as i64 * 97) };
        set(timer, &when);
        while CHILD.load(Ordering::Relaxed) == NOT_YET {
            Stream(0).record();
        }
        match CHILD.swap(NOT_YET, Ordering::Relaxed) {
            // SAFETY: ending the process has no condition.
            0 => unsafe { libc::_exit(0) },
            child => wait_for(child),
        }
    }
}

/// What the last fork returned.
static CHILD: AtomicI32 = AtomicI32::new(NOT_YET);

const NOT_YET: libc::pid_t = -2;

extern "C" fn fork_here(_: libc::c_int) {
    // SAFETY: there is no other thread but the tracer's.
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

fn every(nanoseconds: i64) -> libc::itimerspec {
    let interval = libc::timespec { tv_sec: 0, tv_nsec: nanoseconds };
    libc::itimerspec { it_interval: interval, it_value: interval }
}
