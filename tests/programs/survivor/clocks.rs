use std::{thread, time::Duration};

use memtrace_tracer::Name;

/// Records, in turn, what each of the kernel's clocks says at that moment; now and then it pauses.
pub(crate) fn record(events: u64) {
    let monotonic = Name::intern("monotonic");
    let realtime = Name::intern("realtime");
    for event in 0..events {
        monotonic.mark_with(nanoseconds(libc::CLOCK_MONOTONIC));
        realtime.mark_with(nanoseconds(libc::CLOCK_REALTIME));
        if event.is_multiple_of(1000) {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn nanoseconds(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place to write to, and both clocks exist on every Linux.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
