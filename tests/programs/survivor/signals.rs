use std::{
    mem, ptr,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
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
    let timers = [(libc::SIGUSR1, 11_000), (libc::SIGUSR2, 17_000)].map(|(signal, nanoseconds)| {
        let interval = libc::timespec { tv_sec: 0, tv_nsec: nanoseconds };
        let times = libc::itimerspec { it_interval: interval, it_value: interval };
        // SAFETY: all zeros are a valid event, and all pointers are to valid places.
        unsafe {
            let mut timer = mem::zeroed();
            let mut event: libc::sigevent = mem::zeroed();
            event.sigev_notify = libc::SIGEV_SIGNAL;
            event.sigev_signo = signal;
            assert_eq!(libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer), 0);
            assert_eq!(libc::timer_settime(timer, 0, &raw const times, ptr::null_mut()), 0);
            timer
        }
    });
    while handled() < signals {
        Stream(0).record();
    }
    // SAFETY: the timers exist.
    timers.into_iter().for_each(|timer| unsafe { _ = libc::timer_delete(timer) });
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
    // SAFETY: it has no arguments.
    let target = unsafe { libc::pthread_self() };
    thread::scope(|scope| {
        scope.spawn(move || {
            for fork in 0..forks {
                // SAFETY: the thread waits for this one before it ends.
                unsafe { libc::pthread_kill(target, libc::SIGUSR1) };
                while FORKS.load(Ordering::Acquire) <= fork {
                    thread::yield_now();
                }
            }
        });
        let mut waited_for = 0;
        while waited_for < forks {
            // The child comes here too, and ends.
            Stream(0).record();
            if IN_CHILD.load(Ordering::Relaxed) {
                // SAFETY: ending the process has no condition.
                unsafe { libc::_exit(0) };
            }
            match LAST_CHILD.swap(0, Ordering::Relaxed) {
                0 => {}
                child => {
                    wait_for(child as libc::pid_t);
                    waited_for += 1;
                    FORKS.fetch_add(1, Ordering::Release);
                }
            }
        }
    });
}

static FORKS: AtomicU64 = AtomicU64::new(0);
static LAST_CHILD: AtomicU64 = AtomicU64::new(0);
static IN_CHILD: AtomicBool = AtomicBool::new(false);

extern "C" fn fork_here(_: libc::c_int) {
    // SAFETY: one other thread exists, and it holds no lock.
    match unsafe { libc::fork() } {
        0 => IN_CHILD.store(true, Ordering::Relaxed),
        child => LAST_CHILD.store(child as u64, Ordering::Relaxed),
    }
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
