use std::thread;

use crate::{stream::Stream, work};

/// How many of the short threads live at once.
const AT_ONCE: u16 = 16;

/// `threads` threads, a few at a time, each of which records `events` events and ends.
pub(crate) fn short(threads: u16, events: u64) {
    let mut sum = 0_u64;
    for first in (0..threads).step_by(AT_ONCE.into()) {
        let running: Vec<_> = (first..threads.min(first + AT_ONCE))
            .map(|stream| thread::spawn(move || work::record_on_this_thread(stream, events)))
            .collect();
        running.into_iter().for_each(|thread| sum ^= thread.join().expect("it ends"));
    }
    println!("{sum:016x}");
}

/// Threads whose thread-local values record when they are destroyed: one of them before what the tracer keeps for the
/// thread, and one after it.
pub(crate) fn with_destructors(threads: u16, events: u64) {
    thread_local! {
        static MADE_BEFORE: std::cell::Cell<Option<RecordsInTheEnd>> = const { std::cell::Cell::new(None) };
        static MADE_AFTER: std::cell::Cell<Option<RecordsInTheEnd>> = const { std::cell::Cell::new(None) };
    }
    let mut sum = 0;
    for stream in 0..threads {
        let thread = thread::spawn(move || {
            MADE_BEFORE.set(Some(RecordsInTheEnd(Stream(stream))));
            let sum = work::record_on_this_thread(stream, events);
            MADE_AFTER.set(Some(RecordsInTheEnd(Stream(stream))));
            sum
        });
        sum ^= thread.join().expect("it ends");
    }
    println!("{sum:016x}");
}

struct RecordsInTheEnd(Stream);

impl Drop for RecordsInTheEnd {
    fn drop(&mut self) {
        self.0.record();
    }
}
