//! Fills.

use std::ffi::{c_int, c_void};

use crate::boundary::runtime_calls;
use crate::device::ready;
use crate::driver::{DeviceAddress, Handle};

runtime_calls! {
    fn cudaMemset(address: *mut c_void, value: c_int, bytes: usize) {
        // SAFETY: the caller owes memory of that size.
        unsafe { (ready()?.fill)(address as DeviceAddress, value as u8, bytes) }.result()
    }

    fn cudaMemsetAsync(address: *mut c_void, value: c_int, bytes: usize, stream: Handle) {
        // SAFETY: as above.
        unsafe { (ready()?.fill_async)(address as DeviceAddress, value as u8, bytes, stream) }.result()
    }
}
