//! Memory of the thread's device.

use std::ffi::c_void;

use crate::boundary::{runtime_calls, set};
use crate::device::ready;
use crate::driver::{DeviceAddress, Handle};
use crate::error::Error;

runtime_calls! {
    fn cudaMalloc(place: *mut *mut c_void, bytes: usize) {
        let driver = ready()?;
        // SAFETY: the caller owes a place.
        unsafe { handed_out(place, bytes, |address| (driver.alloc)(address, bytes)) }
    }

    fn cudaFree(address: *mut c_void) {
        // SAFETY: the driver knows an address that is none.
        unsafe { (ready()?.free)(address as DeviceAddress) }.result()
    }

    fn cudaMallocAsync(place: *mut *mut c_void, bytes: usize, stream: Handle) {
        let driver = ready()?;
        // SAFETY: as above.
        unsafe { handed_out(place, bytes, |address| (driver.alloc_async)(address, bytes, stream)) }
    }

    fn cudaMallocFromPoolAsync(place: *mut *mut c_void, bytes: usize, pool: Handle, stream: Handle) {
        let driver = ready()?;
        // SAFETY: as above.
        unsafe { handed_out(place, bytes, |address| (driver.alloc_from_pool)(address, bytes, pool, stream)) }
    }

    fn cudaFreeAsync(address: *mut c_void, stream: Handle) {
        // SAFETY: as above.
        unsafe { (ready()?.free_async)(address as DeviceAddress, stream) }.result()
    }

    fn cudaMemGetInfo(free: *mut usize, total: *mut usize) {
        // SAFETY: the caller owes places.
        unsafe { (ready()?.info)(free, total) }.result()
    }
}

/// Nothing is asked of the driver for no bytes, and a request that fails leaves null.
///
/// # Safety
///
/// The place is null, or valid for a write.
unsafe fn handed_out(
    place: *mut *mut c_void,
    bytes: usize,
    ask: impl FnOnce(*mut DeviceAddress) -> Error,
) -> Result<(), Error> {
    let mut address: DeviceAddress = 0;
    let answer = if bytes == 0 { Ok(()) } else { ask(&mut address).result() };
    let address = if answer.is_ok() { address } else { 0 };
    // SAFETY: the caller says so.
    unsafe { set(place, std::ptr::with_exposed_provenance_mut(address as usize)) }.and(answer)
}
