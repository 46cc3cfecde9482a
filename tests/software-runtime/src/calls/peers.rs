//! Devices that use each other's memory.

use std::ffi::c_int;

use crate::boundary::runtime_calls;
use crate::device::{primary, ready};
use crate::driver::driver;

runtime_calls! {
    fn cudaDeviceCanAccessPeer(answer: *mut c_int, device: c_int, peer: c_int) {
        // SAFETY: the caller owes a place.
        unsafe { (driver()?.can_access_peer)(answer, device, peer) }.result()
    }

    fn cudaDeviceEnablePeerAccess(peer: c_int, flags: u32) {
        // SAFETY: the handle is that of a living context.
        unsafe { (ready()?.enable_peer)(primary(peer)?.0, flags) }.result()
    }

    fn cudaDeviceDisablePeerAccess(peer: c_int) {
        // SAFETY: as above.
        unsafe { (ready()?.disable_peer)(primary(peer)?.0) }.result()
    }
}
