//! Guards the boundary: strings come in, and no panic goes out.

use std::{
    borrow::Cow,
    ffi::{CStr, c_char},
    panic::{AssertUnwindSafe, catch_unwind},
};

/// The text of a C string: none for NULL, and what is not UTF-8 replaced.
///
/// # Safety
///
/// `string` is NULL, or bytes up to a zero that nobody changes while the text is in use.
pub(crate) unsafe fn text<'a>(string: *const c_char) -> Cow<'a, str> {
    if string.is_null() {
        return Cow::Borrowed("");
    }
    // SAFETY: the caller vouches for a string that is not NULL.
    unsafe { CStr::from_ptr(string) }.to_string_lossy()
}

/// Makes a handle; there is none while recording is off.
pub(crate) fn handle<T: Default>(make: impl FnOnce() -> T) -> T {
    if memtrace_tracer::enabled() { guarded(make) } else { T::default() }
}

/// Runs what may allocate and lock. A panic in it ends here, for a caller in C cannot unwind.
pub(crate) fn guarded<T: Default>(work: impl FnOnce() -> T) -> T {
    // What the closures reach is the tracer's own, which recovers its locks from panics.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_default()
}
