//! Notice of a thread's end.
//!
//! By a key of the C library's, not by a thread-local value with a destructor: to register one of those takes memory, and a thread
//! may record its first event where it can have none, in an allocator that maps memory under its own lock.

use std::{
    ffi::c_void,
    ptr::NonNull,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{cursor, main_thread};

/// One more than the key; 0: there is none.
static KEY: AtomicU64 = AtomicU64::new(0);

/// Makes threads' ends known from now on. Early, for the first keys of a process need no memory of a thread.
pub(crate) fn prepare() {
    let mut key = 0;
    // SAFETY: the place is valid to write to, and the function may be called at any thread's end.
    if unsafe { libc::pthread_key_create(&raw mut key, Some(at_end)) } == 0 {
        KEY.store(u64::from(key) + 1, Ordering::Release);
    }
}

/// This thread's end is to be noticed. Where it cannot be, its last chunk stays unsealed, which readers accept.
pub(crate) fn watch() {
    if let Some(key) = KEY.load(Ordering::Acquire).checked_sub(1) {
        // SAFETY: the key is there as long as the process; what it keeps is never followed.
        unsafe {
            libc::pthread_setspecific(key as libc::pthread_key_t, NonNull::<c_void>::dangling().as_ptr())
        };
    }
}

extern "C" fn at_end(_: *mut c_void) {
    cursor::at_thread_end();
    main_thread::at_thread_end();
}
