//! Calls that say what an address is.

use std::ffi::{c_int, c_void};

use crate::boundary::{runtime_calls, set};
use crate::device::{self, ready};
use crate::driver::{DeviceAddress, Driver};
use crate::error::Error;

/// The beginning of `cudaPointerAttributes`, which is all of it in CUDA 12.
#[repr(C)]
pub(crate) struct Attributes {
    /// A `cudaMemoryType`: 0 of no memory of the driver's, 1 of the host, 2 of a device.
    kind: c_int,
    device: c_int,
    on_device: DeviceAddress,
    on_host: DeviceAddress,
}

/// `CUpointer_attribute`
const MEMORY_TYPE: c_int = 2;
const DEVICE_ORDINAL: c_int = 9;

/// `cudaMemoryTypeHost`
const HOST: c_int = 1;

runtime_calls! {
    fn cudaPointerGetAttributes(place: *mut Attributes, address: *const c_void) {
        let (driver, address) = (ready()?, address as DeviceAddress);
        let attributes = match attribute(driver, MEMORY_TYPE, address) {
            Ok(kind) => Attributes {
                kind,
                device: attribute(driver, DEVICE_ORDINAL, address)?,
                on_device: address,
                on_host: if kind == HOST { address } else { 0 },
            },
            Err(_) => Attributes { kind: 0, device: device::chosen(), on_device: 0, on_host: address },
        };
        // SAFETY: the caller owes a place.
        unsafe { set(place, attributes) }
    }
}

fn attribute(driver: &Driver, number: c_int, address: DeviceAddress) -> Result<c_int, Error> {
    let mut value: c_int = 0;
    let place: *mut c_int = &mut value;
    // SAFETY: these attributes are 32 bits wide.
    unsafe { (driver.pointer_attribute)(place.cast(), number, address) }.result().map(|()| value)
}
