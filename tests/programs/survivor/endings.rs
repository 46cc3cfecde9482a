use std::{process, thread, time::Duration};

use crate::{stream::Stream, work};

/// Records, says what the work came to, and ends as `ending` says.
pub(crate) fn end(ending: &str, threads: u16, events: u64) {
    if ending == "exit-meanwhile" {
        return exit_meanwhile(threads);
    }
    println!("{:016x}", work::record(threads, events));
    match ending {
        "exit" => process::exit(3),
        // SAFETY: ending the process has no condition.
        "_exit" => unsafe { libc::_exit(4) },
        "abort" => {
            leave_no_core();
            process::abort();
        }
        "panic" => panic!("the engine panics"),
        "panic-in-thread" => {
            let thread = thread::spawn(move || {
                let _scope = memtrace_tracer::scope!("unwound");
                Stream(threads).record();
                panic!("a thread of the engine panics");
            });
            assert!(thread.join().is_err());
        }
        "finish" => {
            memtrace_tracer::finish();
            work::record(threads, events);
            loop {
                thread::park();
            }
        }
        unknown => panic!("no such hazard: {unknown}"),
    }
}

/// Exits while all threads record.
fn exit_meanwhile(threads: u16) {
    work::start_endless(threads);
    thread::sleep(Duration::from_millis(30));
    work::note_progress(threads);
    process::exit(5);
}

fn leave_no_core() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `none` is a valid limit.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) };
}
