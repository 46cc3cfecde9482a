//! Functions of the driver's that a program asks the runtime for.

use std::ffi::{CStr, c_char, c_int, c_void};

use crate::boundary::{runtime_calls, set};
use crate::driver::driver;
use crate::error::Error;

runtime_calls! {
    fn cudaGetDriverEntryPointByVersion(
        name: *const c_char,
        place: *mut *mut c_void,
        version: u32,
        _flags: u64,
        status: *mut c_int,
    ) {
        look_up(name, place, version as c_int, status)
    }

    /// By the driver's own version.
    fn cudaGetDriverEntryPoint(name: *const c_char, place: *mut *mut c_void, _flags: u64, status: *mut c_int) {
        let mut version = 0;
        // SAFETY: the place is valid for a write.
        unsafe { (driver()?.version)(&mut version) }.result()?;
        look_up(name, place, version, status)
    }
}

/// What the software driver has not is stood in for: a driver of that version has it, and programs do not start without.
fn look_up(
    name: *const c_char,
    place: *mut *mut c_void,
    version: c_int,
    status: *mut c_int,
) -> Result<(), Error> {
    /// `cudaDriverEntryPointSuccess`
    const FOUND: c_int = 0;
    if name.is_null() {
        return Err(Error::INVALID_VALUE);
    }
    // SAFETY: the caller of a call owes a text that ends with a zero byte.
    let name = unsafe { CStr::from_ptr(name) };
    let found = driver()?.look_up(name, version).unwrap_or(not_supported as *mut c_void);
    if !status.is_null() {
        // SAFETY: it owes a place, or null.
        unsafe { set(status, FOUND) }?;
    }
    // SAFETY: as above.
    unsafe { set(place, found) }
}

extern "C" fn not_supported() -> Error {
    Error::NOT_SUPPORTED
}
