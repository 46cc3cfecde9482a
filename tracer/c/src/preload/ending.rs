//! A process that ends at once, without the handlers of its end: `_exit`, as shells, daemons and Python's forked workers do. Its
//! recording ends as it does otherwise.
//!
//! A child of fork or vfork ends like this when it cannot become another program; what its parent records is left alone. Who
//! makes the system call himself is not seen here.

use std::ffi::c_int;

use super::{active, next::next};

next! {
    EXIT = _exit(c_int) -> ();
}

/// This program is recorded, and may end.
pub(crate) fn begin() {
    look_up_all();
}

#[unsafe(no_mangle)]
unsafe extern "C" fn _exit(status: c_int) -> ! {
    if active() {
        memtrace_tracer::finish();
    }
    if let Some(next) = EXIT.get() {
        // SAFETY: the caller's own argument.
        unsafe { next(status) };
    }
    loop {
        // SAFETY: it ends the process, whose memory nobody needs any more.
        unsafe { libc::syscall(libc::SYS_exit_group, status) };
    }
}

/// The same by the name of ISO C.
#[unsafe(no_mangle)]
unsafe extern "C" fn _Exit(status: c_int) -> ! {
    // SAFETY: the caller's own argument.
    unsafe { _exit(status) }
}
