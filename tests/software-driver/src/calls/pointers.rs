//! Calls that say what an address is.

use std::ffi::c_void;

use crate::boundary::{Out, driver_calls};
use crate::code::Code;
use crate::context;
use crate::device_memory::DeviceAddress;
use crate::pinned_memory::HostAddress;

/// The numbers of `CUpointer_attribute` in cuda.h.
mod attribute {
    pub(super) const CONTEXT: u32 = 1;
    pub(super) const MEMORY_TYPE: u32 = 2;
    pub(super) const DEVICE_POINTER: u32 = 3;
    pub(super) const HOST_POINTER: u32 = 4;
    pub(super) const IS_MANAGED: u32 = 8;
    pub(super) const DEVICE_ORDINAL: u32 = 9;
    pub(super) const RANGE_START: u32 = 11;
    pub(super) const RANGE_BYTES: u32 = 12;
    pub(super) const MAPPED: u32 = 13;
}

/// `CU_MEMORYTYPE_HOST` and `CU_MEMORYTYPE_DEVICE`.
const HOST: u32 = 1;
const DEVICE: u32 = 2;

driver_calls! {
    fn cuPointerGetAttribute(data: Out<u64>, attribute: u32, address: DeviceAddress) {
        let current = context::current()?;
        let driver = current.driver;
        let device = driver.span(address, 1).ok().and_then(|_| driver.device_at(address));
        let pinned = driver.pinned.flags(HostAddress(address.0 as usize)).is_ok();
        // What is no memory of the driver's is a host address of the program's own, of which it knows nothing.
        if device.is_none() && !pinned {
            return Err(Code::INVALID_VALUE);
        }
        let range = || driver.range_around(address);
        match attribute {
            attribute::CONTEXT => data.set(current.context.0),
            attribute::MEMORY_TYPE => data.cast::<u32>().set(if device.is_some() { DEVICE } else { HOST }),
            attribute::DEVICE_POINTER => data.set(address.0),
            attribute::HOST_POINTER if device.is_none() => data.set(address.0),
            attribute::IS_MANAGED => data.cast::<u32>().set(0),
            attribute::DEVICE_ORDINAL => {
                data.cast::<i32>().set(device.unwrap_or(current.device).ordinal.0)
            }
            attribute::RANGE_START => data.set(range()?.0.0),
            attribute::RANGE_BYTES => data.set(range()?.1 as u64),
            attribute::MAPPED => data.cast::<u32>().set(1),
            _ => Err(Code::INVALID_VALUE),
        }
    }

    fn cuPointerGetAttributes(count: u32, attributes: *const u32, data: *const *mut c_void, address: DeviceAddress) {
        for place in 0..count as usize {
            // SAFETY: the caller owes `count` of each.
            let (attribute, place) = unsafe { (*attributes.add(place), *data.add(place)) };
            // SAFETY: the caller owes a place of the attribute's width. One that has no value is left as it is.
            let _ = unsafe { cuPointerGetAttribute(Out::to(place.cast()), attribute, address) };
        }
        Ok(())
    }
}
