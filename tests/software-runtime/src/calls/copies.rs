//! Copies, by the driver's call for their direction.

use std::ffi::{c_int, c_void};

use crate::boundary::runtime_calls;
use crate::device::{self, ready};
use crate::driver::{DeviceAddress, Handle};
use crate::error::Error;

/// `cudaMemcpyKind`
mod kind {
    use std::ffi::c_int;

    pub(super) const HOST_TO_HOST: c_int = 0;
    pub(super) const IN: c_int = 1;
    pub(super) const OUT: c_int = 2;
    pub(super) const WITHIN: c_int = 3;
    pub(super) const BY_ADDRESS: c_int = 4;
}

runtime_calls! {
    fn cudaMemcpy(to: *mut c_void, from: *const c_void, bytes: usize, direction: c_int) {
        let driver = ready()?;
        let (there, here) = (to as DeviceAddress, from as DeviceAddress);
        // SAFETY: the caller owes memory of that size at both ends.
        let code = unsafe {
            match direction {
                kind::IN => (driver.copy_in)(there, from, bytes),
                kind::OUT => (driver.copy_out)(to, here, bytes),
                kind::WITHIN => (driver.copy_within)(there, here, bytes),
                kind::HOST_TO_HOST | kind::BY_ADDRESS => (driver.copy)(there, here, bytes),
                _ => Error::INVALID_VALUE,
            }
        };
        code.result()
    }

    fn cudaMemcpyAsync(to: *mut c_void, from: *const c_void, bytes: usize, direction: c_int, stream: Handle) {
        let driver = ready()?;
        let (there, here) = (to as DeviceAddress, from as DeviceAddress);
        // SAFETY: as above.
        let code = unsafe {
            match direction {
                kind::IN => (driver.copy_in_async)(there, from, bytes, stream),
                kind::OUT => (driver.copy_out_async)(to, here, bytes, stream),
                kind::WITHIN => (driver.copy_within_async)(there, here, bytes, stream),
                kind::HOST_TO_HOST | kind::BY_ADDRESS => (driver.copy_async)(there, here, bytes, stream),
                _ => Error::INVALID_VALUE,
            }
        };
        code.result()
    }

    fn cudaMemcpyPeerAsync(
        to: *mut c_void,
        to_device: c_int,
        from: *const c_void,
        from_device: c_int,
        bytes: usize,
        stream: Handle,
    ) {
        let driver = ready()?;
        let contexts = (device::primary(to_device)?.0, device::primary(from_device)?.0);
        let (there, here) = (to as DeviceAddress, from as DeviceAddress);
        // SAFETY: as above.
        unsafe { (driver.copy_peer_async)(there, contexts.0, here, contexts.1, bytes, stream) }.result()
    }

    fn cudaMemcpy2DAsync(
        to: *mut c_void,
        to_pitch: usize,
        from: *const c_void,
        from_pitch: usize,
        width: usize,
        height: usize,
        direction: c_int,
        stream: Handle,
    ) {
        let shape = Rectangle {
            from: Plane::new(from.addr(), from_pitch, direction == kind::IN || direction == kind::HOST_TO_HOST),
            to: Plane::new(to.addr(), to_pitch, direction == kind::OUT || direction == kind::HOST_TO_HOST),
            width,
            height,
        };
        if direction == kind::BY_ADDRESS {
            return Err(Error::NOT_SUPPORTED);
        }
        // SAFETY: as above; the structure is a whole one.
        unsafe { (ready()?.copy_rows_async)((&raw const shape).cast(), stream) }.result()
    }
}

/// One half of `CUDA_MEMCPY2D`.
#[repr(C)]
struct Plane {
    x: usize,
    y: usize,
    kind: u32,
    host: usize,
    device: usize,
    array: usize,
    pitch: usize,
}

/// `CUDA_MEMCPY2D`
#[repr(C)]
struct Rectangle {
    from: Plane,
    to: Plane,
    width: usize,
    height: usize,
}

impl Plane {
    fn new(address: usize, pitch: usize, on_host: bool) -> Self {
        /// `CU_MEMORYTYPE_HOST` and `CU_MEMORYTYPE_DEVICE`
        const HOST: u32 = 1;
        const DEVICE: u32 = 2;
        let (kind, host, device) = if on_host { (HOST, address, 0) } else { (DEVICE, 0, address) };
        Self { x: 0, y: 0, kind, host, device, array: 0, pitch }
    }
}
