//! Host memory that is page-locked for devices: the driver's, and the program's own that it registers.

use std::ffi::{c_uint, c_void};

use memtrace_tracer::MemoryKind;

use super::{
    Code, SUCCESS,
    device_memory::restore,
    hooked,
    live::{self, About, Form},
};
use crate::preload::{pools, records, stacks};

hooked! {
    2020 fn [cuMemHostAlloc](place: *mut *mut c_void, bytes: usize, flags: c_uint) |next| {
        // SAFETY: whatever the caller passes is passed on.
        let code = unsafe { next(place, bytes, flags) };
        // SAFETY: a call that succeeded has written the address.
        pinned(code, || unsafe { *place }, bytes)
    }

    3020 fn [cuMemAllocHost_v2](place: *mut *mut c_void, bytes: usize) |next| {
        // SAFETY: whatever the caller passes is passed on.
        let code = unsafe { next(place, bytes) };
        // SAFETY: a call that succeeded has written the address.
        pinned(code, || unsafe { *place }, bytes)
    }

    2000 fn [cuMemFreeHost](address: *mut c_void) |next| {
        let gone = live::end(address.addr() as u64);
        // SAFETY: whatever the caller passes is passed on.
        let code = unsafe { next(address) };
        restore(code, gone)
    }

    6050 fn [cuMemHostRegister_v2](address: *mut c_void, bytes: usize, flags: c_uint) |next| {
        // SAFETY: whatever the caller passes is passed on.
        let code = unsafe { next(address, bytes, flags) };
        pinned(code, || address, bytes)
    }

    4000 fn [cuMemHostUnregister](address: *mut c_void) |next| {
        let gone = live::end(address.addr() as u64);
        // SAFETY: whatever the caller passes is passed on.
        let code = unsafe { next(address) };
        restore(code, gone)
    }
}

/// Records host memory that was page-locked, or handed out so, if it was.
pub(super) fn pinned(code: Code, address: impl FnOnce() -> *mut c_void, bytes: usize) -> Code {
    if code == SUCCESS && records() {
        let about = About {
            pool: pools::pinned(),
            form: Form::Block,
            kind: MemoryKind::Pinned,
            device: 0,
            stack: stacks::here(),
        };
        live::begin(&live::extent(address().addr() as u64, bytes), about);
    }
    code
}
