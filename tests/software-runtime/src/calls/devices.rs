//! Devices: how many, which one is a thread's, and what they can.

use std::ffi::{c_char, c_int, c_void};

use crate::boundary::{runtime_calls, set};
use crate::device;
use crate::driver::{Handle, driver};
use crate::error::Error;

runtime_calls! {
    fn cudaGetDeviceCount(count: *mut c_int) {
        // SAFETY: the caller owes a place.
        unsafe { (driver()?.device_count)(count) }.result()
    }

    fn cudaGetDevice(chosen: *mut c_int) {
        driver()?;
        // SAFETY: as above.
        unsafe { set(chosen, device::chosen()) }
    }

    fn cudaSetDevice(wanted: c_int) {
        device::choose(wanted)
    }

    fn cudaDeviceSynchronize() {
        // SAFETY: it takes no pointer.
        unsafe { (device::ready()?.synchronize)() }.result()
    }

    /// By the driver's numbers, which are the same.
    fn cudaDeviceGetAttribute(value: *mut c_int, attribute: c_int, wanted: c_int) {
        // SAFETY: the caller owes a place.
        unsafe { (driver()?.device_attribute)(value, attribute, wanted) }.result()
    }

    fn cudaDeviceGetPCIBusId(text: *mut c_char, size: c_int, wanted: c_int) {
        // SAFETY: the caller owes room for as many bytes as it says.
        unsafe { (driver()?.device_bus_id)(text, size, wanted) }.result()
    }

    fn cudaDeviceGetStreamPriorityRange(least: *mut c_int, greatest: *mut c_int) {
        // SAFETY: the caller owes null, or places.
        unsafe { (device::ready()?.priorities)(least, greatest) }.result()
    }

    fn cudaDeviceGetDefaultMemPool(pool: *mut Handle, wanted: c_int) {
        // SAFETY: the caller owes a place.
        unsafe { (driver()?.default_pool)(pool, wanted) }.result()
    }

    fn cudaDeviceGetMemPool(pool: *mut Handle, wanted: c_int) {
        // SAFETY: as above.
        unsafe { (driver()?.pool_in_use)(pool, wanted) }.result()
    }

    fn cudaDeviceSetMemPool(wanted: c_int, pool: Handle) {
        // SAFETY: the driver knows a pool that is none.
        unsafe { (driver()?.use_pool)(wanted, pool) }.result()
    }

    /// Graphs have no memory of their own here.
    fn cudaDeviceGetGraphMemAttribute(_wanted: c_int, _attribute: c_int, value: *mut c_void) {
        // SAFETY: the caller owes a place of 64 bits.
        unsafe { set(value.cast::<u64>(), 0) }
    }

    fn cudaDeviceSetGraphMemAttribute(_wanted: c_int, _attribute: c_int, value: *mut c_void) {
        if value.is_null() { Err(Error::INVALID_VALUE) } else { Ok(()) }
    }

    fn cudaProfilerStart() {
        driver().map(drop)
    }

    fn cudaProfilerStop() {
        driver().map(drop)
    }
}
