use std::{sync::Barrier, thread, time::Duration};

use memtrace_tracer::Name;

use crate::{allocator, stream::Stream, work};

/// Keeps the tracer's helper waiting, by way of a thread that waits inside the tracer, until `threads` threads have used
/// up every chunk that was ready; then lets it work again and records on.
pub(crate) fn hold_the_helper(threads: u16, events: u64) {
    let all = Barrier::new(usize::from(threads) + 1);
    thread::scope(|scope| {
        for stream in 0..threads {
            let all = &all;
            scope.spawn(move || {
                Stream(stream).record();
                all.wait();
                all.wait();
                (0..events).for_each(|_| _ = Stream(stream).record());
                all.wait();
                all.wait();
                work::record_on_this_thread(stream, events / 100);
            });
        }
        all.wait();
        scope.spawn(|| allocator::waiting(|| Name::intern("a name that takes long")));
        while !allocator::is_waiting() {
            thread::yield_now();
        }
        // The helper notices within milliseconds; if it is later than that it is only held up later.
        thread::sleep(Duration::from_millis(20));
        starve_the_helper();
        all.wait();
        all.wait();
        allocator::let_go();
        thread::sleep(Duration::from_millis(50));
        all.wait();
    });
}

/// Records at every allocation that the tracer makes: while it interns names, and while it gets to know a thread.
pub(crate) fn record_inside_the_tracer(events: u64) {
    for name in 0..events {
        let name = format!("name {name}");
        allocator::recording(|| Name::intern(&name));
        Stream(0).record();
    }
    let thread = thread::spawn(|| allocator::recording(|| Stream(1).record()));
    thread.join().expect("it ends");
    // More than a chunk holds, so that the log is told of what was lost before.
    (0..4000).for_each(|_| _ = Stream(0).record());
}

/// Takes the address space away into which the tracer would map more of the file.
pub(crate) fn leave_no_address_space(threads: u16, events: u64) {
    let all = Barrier::new(usize::from(threads) + 1);
    thread::scope(|scope| {
        for stream in 0..threads {
            let all = &all;
            scope.spawn(move || {
                all.wait();
                all.wait();
                work::record_on_this_thread(stream, events);
            });
        }
        all.wait();
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `limit` is a valid place to read from and to write to.
        unsafe {
            libc::getrlimit(libc::RLIMIT_AS, &raw mut limit);
            // What is mapped stays so.
            limit.rlim_cur = 1 << 20;
            libc::setrlimit(libc::RLIMIT_AS, &raw const limit);
        }
        all.wait();
    });
    // SAFETY: as above.
    unsafe {
        let limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
        libc::setrlimit(libc::RLIMIT_AS, &raw const limit);
    }
}

/// Defines more names than there is room for.
pub(crate) fn define_many_names(names: u64) {
    for name in 0..names {
        let text = format!("name {name} {}", "x".repeat(100));
        Name::intern(&text).mark();
    }
}

/// Puts all threads on one processor, and the tracer's helper behind all others there: it runs when they wait.
fn starve_the_helper() {
    for task in std::fs::read_dir("/proc/self/task").expect("there is /proc").flatten() {
        let Some(id) = task.file_name().to_str().and_then(|id| id.parse::<libc::pid_t>().ok()) else {
            continue;
        };
        let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        // SAFETY: both structures are whole, and the calls read nothing else.
        unsafe {
            let mut allowed: libc::cpu_set_t = std::mem::zeroed();
            libc::sched_getaffinity(id, size_of_val(&allowed), &raw mut allowed);
            let first = (0..libc::CPU_SETSIZE as usize).find(|&cpu| libc::CPU_ISSET(cpu, &allowed));
            let mut one: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(first.unwrap_or(0), &mut one);
            libc::sched_setaffinity(id, size_of_val(&one), &raw const one);
            if name.trim() == "memtrace" {
                let parameters = libc::sched_param { sched_priority: 0 };
                libc::sched_setscheduler(id, libc::SCHED_IDLE, &raw const parameters);
            }
        }
    }
}
