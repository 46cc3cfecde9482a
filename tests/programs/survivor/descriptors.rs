use std::{
    ffi::CStr,
    fs::{self, File},
    io::{self, Write},
    os::fd::AsRawFd,
    process,
};

use crate::{children::wait_for, work};

/// What the C library hands to the functions that run before `main`.
type Early = extern "C" fn(libc::c_int, *const *const libc::c_char, *const *const libc::c_char);

/// Runs before everything else, the tracer included: leaves the process no descriptor but the standard ones if its first
/// argument says so. The dynamic loader needed one more until now, so the limit cannot be there from the start.
#[used]
#[unsafe(link_section = ".preinit_array")]
static LEAVE_NO_DESCRIPTORS: Early = {
    extern "C" fn leave_no_descriptors(
        count: libc::c_int,
        arguments: *const *const libc::c_char,
        _: *const *const libc::c_char,
    ) {
        static LIMIT: libc::rlimit = libc::rlimit { rlim_cur: 3, rlim_max: 3 };
        // SAFETY: there are `count` arguments, each of which ends with zero; the limit is valid.
        unsafe {
            if count > 1 && CStr::from_ptr(*arguments.add(1)) == c"no-descriptors" {
                libc::setrlimit(libc::RLIMIT_NOFILE, &raw const LIMIT);
            }
        }
    }
    leave_no_descriptors
};

/// Closes every descriptor but the standard ones, as daemons do, then uses one for a file of its own.
pub(crate) fn close_all(threads: u16, events: u64) {
    // SAFETY: nobody but the tracer has one; that it survives this is what is tested.
    unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
    let mut own = File::create("own").expect("the file can be made");
    own.write_all(&[b'!'; 100_000]).expect("the file takes it");
    println!("{:016x}", work::record(threads, events));
}

/// Ends the recording, opens files of its own, and looks at them in a child.
pub(crate) fn finish_and_fork(threads: u16, events: u64) {
    println!("{:016x}", work::record(threads, events));
    memtrace_tracer::finish();
    let own: Vec<File> = (0..16).map(|_| File::open("/dev/null").expect("it opens")).collect();
    // SAFETY: there is no other thread any more.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: fcntl with these arguments only asks; ending the process has no condition.
        unsafe {
            let lost = own.iter().any(|file| libc::fcntl(file.as_raw_fd(), libc::F_GETFD) < 0);
            libc::_exit(i32::from(lost));
        }
    }
    wait_for(child);
}

/// Says what descriptors the process has, and which one is free.
pub(crate) fn list() {
    for entry in fs::read_dir("/proc/self/fd").expect("the kernel says") {
        let entry = entry.expect("the kernel says");
        if let Ok(target) = fs::read_link(entry.path()) {
            println!("{} {}", entry.file_name().display(), target.display());
        }
    }
}

/// Exits with the lock on stderr held, while the tracer has something to say.
pub(crate) fn hold_stderr(threads: u16, events: u64) {
    let _held = io::stderr().lock();
    println!("{:016x}", work::record(threads, events));
    process::exit(0);
}
