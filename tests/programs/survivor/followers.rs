use std::{env, fs::File, os::fd::AsRawFd, process, sync::atomic::Ordering, thread, time::Duration};

use memtrace_tracer::Name;

use crate::{
    children::wait_for,
    numbering::{CHILDREN, DAEMON, FOLLOWER_NAME, STREAMS_OF_A_CHILD},
    stream::{Stream, line},
    work,
};

/// What a child records on each of its threads: more than a chunk.
const EVENTS: u64 = 3000;

/// Children of fork that record while all threads of their parent do, and end in both ways; every third has a child itself.
pub(crate) fn forks(threads: u16, rounds: u64) {
    work::start_endless(threads);
    for round in 0..rounds {
        let first = CHILDREN + round as u16 * STREAMS_OF_A_CHILD;
        fork_and_wait(|| {
            follow(first);
            if round.is_multiple_of(3) {
                fork_and_wait(|| record(first + 2));
            }
            if !round.is_multiple_of(2) {
                // SAFETY: ending the process has no condition.
                unsafe { libc::_exit(0) };
            }
        });
    }
    work::note_progress(threads);
}

/// Children that have nothing to record.
pub(crate) fn silent_forks(threads: u16, rounds: u64) {
    work::start_endless(threads);
    (0..rounds).for_each(|_| fork_and_wait(|| {}));
    work::note_progress(threads);
}

/// Leaves a daemon behind that records, with a file of its own where stderr was. Waits for its end.
pub(crate) fn daemonise(threads: u16, events: u64) {
    let own = env::current_dir().expect("there is one").join("own");
    work::start_endless(threads);
    fork_and_wait(|| {
        // SAFETY: this process has one thread, so its child may do anything. The descriptors are its own.
        unsafe {
            libc::setsid();
            if libc::fork() != 0 {
                libc::_exit(0);
            }
            (0..3).for_each(|descriptor| _ = libc::close(descriptor));
        }
        env::set_current_dir("/").expect("it is there");
        let files: Vec<File> = (0..3).map(|_| File::create(&own).expect("it can be made")).collect();
        assert!(files.iter().any(|file| file.as_raw_fd() == libc::STDERR_FILENO));
        follow(CHILDREN);
        memtrace_tracer::finish();
        line(DAEMON).store(u64::from(process::id()), Ordering::Release);
        // SAFETY: ending the process has no condition.
        unsafe { libc::_exit(0) };
    });
    while line(DAEMON).load(Ordering::Acquire) == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    println!("{:016x}", work::record_on_this_thread(threads, events));
    work::note_progress(threads);
}

/// Runs `child` in a child, which then exits, and waits for its end.
fn fork_and_wait(child: impl FnOnce()) {
    // SAFETY: the child allocates and starts threads, as far as the C library lets it: fork takes care of the allocator's locks.
    // It takes no other lock that another thread of its parent may have held.
    match unsafe { libc::fork() } {
        0 => {
            child();
            process::exit(0);
        }
        id => wait_for(id),
    }
}

/// Records on this thread and, at the same time, on one more.
fn follow(first: u16) {
    let _scope = Name::intern(FOLLOWER_NAME).scope();
    let other = thread::spawn(move || record(first + 1));
    record(first);
    other.join().expect("it ends");
}

fn record(stream: u16) {
    (0..EVENTS).for_each(|_| _ = Stream(stream).record());
}
