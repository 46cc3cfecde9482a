//! Records numbered events on many threads, acknowledges each in a file that outlives it, and meets with the hazard that
//! its first argument names. What it prints depends on its arguments alone, traced or not.
//!
//! ```text
//! survivor HAZARD ACKNOWLEDGEMENTS THREADS EVENTS
//! ```
#![allow(missing_docs, reason = "a program of the tests")]

/// How an event carries its number.
mod numbering;

/// Streams of numbered events, and the file that acknowledges them.
mod stream;

/// Threads that record.
mod work;

/// Ways to end.
mod endings;

/// Children of every kind, made while all threads record.
mod children;

/// Children that record as well.
mod followers;

/// Signals that record on a thread that records.
mod signals;

/// Threads that come and go, and what they record while they go.
mod threads;

/// Everything that makes the tracer lose an event.
mod losses;

/// An allocator that records, or that waits, inside the tracer.
mod allocator;

/// What the program may do with its own descriptors.
mod descriptors;

/// What the clocks say at each event.
mod clocks;

#[global_allocator]
static ALLOCATOR: allocator::Eventful = allocator::Eventful;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [hazard, acknowledgements, threads, events, ..] = arguments.as_slice() else {
        panic!("survivor HAZARD ACKNOWLEDGEMENTS THREADS EVENTS");
    };
    stream::acknowledge_in(acknowledgements);
    stream::define();
    let threads: u16 = threads.parse().expect("THREADS is a number");
    let events: u64 = events.parse().expect("EVENTS is a number");
    match hazard.as_str() {
        "nothing" => {}
        "none" | "no-descriptors" => println!("{:016x}", work::record(threads, events)),
        "endless" => work::record_endlessly(threads),
        "relentless" => work::record_relentlessly(threads),
        "burst" => println!("{:016x}", work::burst(threads, events)),
        "endless-freeing" => work::record_and_free_endlessly(threads),
        "forks" => children::forks(threads, events),
        "raw-clone" => children::raw_clones(threads, events),
        "vfork" => children::vforks(threads, events),
        "spawn" => children::spawns(threads, events),
        "exec" => children::exec(threads, "none"),
        "exec-list" => children::exec(threads, "list"),
        "daemon" => children::daemonise(threads, events),
        "following-forks" => followers::forks(threads, events),
        "silent-forks" => followers::silent_forks(threads, events),
        "following-daemon" => followers::daemonise(threads, events),
        "fork-in-handler" => signals::fork_in_handler(events),
        "storm" => signals::storm(events),
        "profile" => signals::profile(events),
        "short-threads" => threads::short(threads, events),
        "thread-locals" => threads::with_destructors(threads, events),
        "no-chunk" => losses::hold_the_helper(threads, events),
        "inside-the-tracer" => losses::record_inside_the_tracer(events),
        "address-space" => losses::leave_no_address_space(threads, events),
        "many-names" => losses::define_many_names(events),
        "close-all" => descriptors::close_all(threads, events),
        "finish-and-fork" => descriptors::finish_and_fork(threads, events),
        "list" => descriptors::list(),
        "hold-stderr" => descriptors::hold_stderr(threads, events),
        "clocks" => clocks::record(events),
        ending => endings::end(ending, threads, events),
    }
}
