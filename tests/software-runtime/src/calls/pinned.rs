//! Host memory that is page-locked.

use std::ffi::c_void;

use crate::boundary::runtime_calls;
use crate::device::ready;
use crate::driver::DeviceAddress;

runtime_calls! {
    fn cudaHostAlloc(place: *mut *mut c_void, bytes: usize, flags: u32) {
        // SAFETY: the caller owes a place.
        unsafe { (ready()?.host_alloc)(place, bytes, flags) }.result()
    }

    fn cudaMallocHost(place: *mut *mut c_void, bytes: usize) {
        // SAFETY: as above.
        unsafe { (ready()?.host_alloc)(place, bytes, 0) }.result()
    }

    fn cudaFreeHost(address: *mut c_void) {
        if address.is_null() {
            return Ok(());
        }
        // SAFETY: the driver knows an address that is none of its own.
        unsafe { (ready()?.host_free)(address) }.result()
    }

    fn cudaHostRegister(address: *mut c_void, bytes: usize, flags: u32) {
        // SAFETY: as above.
        unsafe { (ready()?.host_register)(address, bytes, flags) }.result()
    }

    fn cudaHostUnregister(address: *mut c_void) {
        // SAFETY: as above.
        unsafe { (ready()?.host_unregister)(address) }.result()
    }

    fn cudaHostGetDevicePointer(place: *mut DeviceAddress, address: *mut c_void, flags: u32) {
        // SAFETY: the caller owes a place.
        unsafe { (ready()?.host_device_address)(place, address, flags) }.result()
    }
}
