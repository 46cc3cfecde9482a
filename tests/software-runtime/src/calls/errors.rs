//! Failures: the thread's last, and what they are called.

use std::ffi::c_char;

use crate::error::Error;

#[unsafe(no_mangle)]
extern "C" fn cudaGetLastError() -> Error {
    Error::take_last()
}

#[unsafe(no_mangle)]
extern "C" fn cudaPeekAtLastError() -> Error {
    Error::last()
}

#[unsafe(no_mangle)]
extern "C" fn cudaGetErrorName(error: Error) -> *const c_char {
    error.text().0.as_ptr()
}

#[unsafe(no_mangle)]
extern "C" fn cudaGetErrorString(error: Error) -> *const c_char {
    error.text().1.as_ptr()
}
