use std::{hint::black_box, sync::atomic::Ordering, thread, time::Duration};

use crate::{
    numbering::BEFORE_THE_END,
    stream::{Stream, line},
};

/// `threads` threads record `events` events each, with some work between them. Returns what the work comes to.
pub(crate) fn record(threads: u16, events: u64) -> u64 {
    thread::scope(|scope| {
        let threads: Vec<_> =
            (0..threads).map(|number| scope.spawn(move || record_on_this_thread(number, events))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it ends")).fold(0, u64::wrapping_add)
    })
}

/// The part of [`record`] that one thread does.
pub(crate) fn record_on_this_thread(stream: u16, events: u64) -> u64 {
    labour_between(events, || Stream(stream).record())
}

fn labour_between(events: u64, record: impl Fn() -> u64) -> u64 {
    (0..events).fold(0, |sum, _| sum ^ labour(record()))
}

/// Starts `threads` threads that record until the process ends; returns when each has recorded something.
///
/// They rest after each burst, all bursts together being as long whatever the number of threads: on a machine that has no
/// time for the tracer's helper, most events would be lost for want of a chunk, which is not what these threads are for.
pub(crate) fn start_endless(threads: u16) {
    start_endless_with(threads, Stream::record);
}

fn start_endless_with(threads: u16, record: fn(Stream) -> u64) {
    let burst = 6400 / u64::from(threads);
    for stream in 0..threads {
        thread::spawn(move || {
            loop {
                labour_between(burst, || record(Stream(stream)));
                thread::sleep(Duration::from_millis(1));
            }
        });
    }
    while (0..threads).any(|stream| line(stream).load(Ordering::Acquire) == 0) {
        thread::yield_now();
    }
}

/// Notes how much of what endless threads recorded must be in the log if the process ends now. They go on: what they
/// acknowledge while the recording ends may be there or not.
pub(crate) fn note_progress(threads: u16) {
    for stream in 0..threads {
        line(BEFORE_THE_END + stream).store(line(stream).load(Ordering::Acquire), Ordering::Release);
    }
}

/// Records until the process is killed.
pub(crate) fn record_endlessly(threads: u16) -> ! {
    start_endless(threads);
    loop {
        thread::park();
    }
}

/// As [`record_endlessly`], with few blocks live at once: for a log that keeps what is live.
pub(crate) fn record_and_free_endlessly(threads: u16) -> ! {
    start_endless_with(threads, Stream::record_and_free);
    loop {
        thread::park();
    }
}

/// Records until the process is killed, faster than any disk: on many threads without a rest.
pub(crate) fn record_relentlessly(threads: u16) -> ! {
    for stream in 0..threads {
        thread::spawn(move || {
            loop {
                black_box(Stream(stream).record_and_free());
            }
        });
    }
    loop {
        thread::park();
    }
}

/// `threads` threads, all of them at once, each of which records `events` events without a rest, and ends.
pub(crate) fn burst(threads: u16, events: u64) -> u64 {
    let burst = |stream| (0..events).fold(0, |sum, _| sum ^ Stream(stream).record_and_free());
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|stream| scope.spawn(move || burst(stream))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it ends")).fold(0, u64::wrapping_add)
    })
}

/// About a microsecond's work, so that a test's log stays small.
fn labour(seed: u64) -> u64 {
    let mix = |state: u64, round: u64| (state ^ round).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    black_box((0..500).fold(black_box(seed), mix))
}
