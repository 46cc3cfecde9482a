//! Kernels that a program brings, as `crt/host_runtime.h` registers them, and what is known of each: nothing but its name.

use std::ffi::{c_char, c_int, c_void};

use crate::boundary::{runtime_calls, set};
use crate::driver::Handle;
use crate::error::Error;

/// `cudaFuncAttributes`
#[repr(C)]
pub(crate) struct Attributes {
    shared_bytes: usize,
    constant_bytes: usize,
    local_bytes: usize,
    most_threads: c_int,
    registers: c_int,
    ptx_version: c_int,
    binary_version: c_int,
    others: [c_int; 26],
}

/// A kernel of compute capability 8.0.
const ORDINARY: Attributes = Attributes {
    shared_bytes: 0,
    constant_bytes: 0,
    local_bytes: 0,
    most_threads: 1024,
    registers: 32,
    ptx_version: 80,
    binary_version: 80,
    others: [0; 26],
};

const _: () = assert!(size_of::<Attributes>() == 144);

runtime_calls! {
    fn cudaFuncGetAttributes(attributes: *mut Attributes, _kernel: *const c_void) {
        // SAFETY: the caller owes a place.
        unsafe { set(attributes, ORDINARY) }
    }

    fn cudaFuncSetAttribute(kernel: *const c_void, _attribute: c_int, _value: c_int) {
        if kernel.is_null() { Err(Error::INVALID_VALUE) } else { Ok(()) }
    }

    fn __cudaGetKernel(kernel: *mut Handle, stub: *const c_void) {
        // SAFETY: the kernel's stub owes a place.
        unsafe { set(kernel, stub.cast_mut()) }
    }
}

/// A handle that nothing is behind: code is not looked at.
#[unsafe(no_mangle)]
extern "C" fn __cudaRegisterFatBinary(code: *mut c_void) -> *mut *mut c_void {
    code.cast()
}

#[unsafe(no_mangle)]
extern "C" fn __cudaRegisterFatBinaryEnd(_code: *mut *mut c_void) {}

#[unsafe(no_mangle)]
extern "C" fn __cudaUnregisterFatBinary(_code: *mut *mut c_void) {}

#[unsafe(no_mangle)]
extern "C" fn __cudaRegisterFunction(
    _code: *mut *mut c_void,
    _stub: *const c_char,
    _kernel: *mut c_char,
    _name: *const c_char,
    _thread_limit: c_int,
    _thread: *mut c_void,
    _block: *mut c_void,
    _block_extent: *mut c_void,
    _grid_extent: *mut c_void,
    _warp: *mut c_int,
) {
}
