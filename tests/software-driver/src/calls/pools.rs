//! Memory pools: making them, their figures, and giving back what they keep.

use crate::boundary::{Out, driver_calls};
use crate::calls::virtual_memory::{Access, of_device};
use crate::code::Code;
use crate::device::Ordinal;
use crate::driver;
use crate::handle::Handle;
use crate::pool::Pool;

driver_calls! {
    fn cuMemPoolCreate(pool: Out<Handle>, properties: *const Properties) {
        let device = driver::driver()?.device(Properties::device(properties)?)?;
        device.default_pool()?;
        let made = device.memory().make_pool();
        pool.set(made)
    }

    fn cuMemPoolDestroy(pool: Handle) {
        let device = driver::driver()?.device_of_pool(pool)?;
        if device.default_pool() == Ok(pool) {
            return Err(Code::INVALID_VALUE);
        }
        device.memory().end_pool(pool)
    }

    fn cuMemPoolGetAttribute(pool: Handle, attribute: u32, value: Out<u64>) {
        let device = driver::driver()?.device_of_pool(pool)?;
        device.memory().pool(pool)?.attribute(attribute, value)
    }

    fn cuMemPoolSetAttribute(pool: Handle, attribute: u32, value: *const u64) {
        let device = driver::driver()?.device_of_pool(pool)?;
        if value.is_null() {
            return Err(Code::INVALID_VALUE);
        }
        // SAFETY: the caller owes a value of the attribute's width: an int for a flag, else 64 bits.
        let value = unsafe {
            if Pool::is_flag(attribute) {
                u64::from(value.cast::<u32>().read_unaligned())
            } else {
                value.read_unaligned()
            }
        };
        device.memory().pool(pool)?.set_attribute(attribute, value)
    }

    /// Every device can use every pool.
    fn cuMemPoolSetAccess(pool: Handle, wanted: *const Access, count: usize) {
        driver::driver()?.device_of_pool(pool)?;
        if wanted.is_null() && count > 0 { Err(Code::INVALID_VALUE) } else { Ok(()) }
    }

    fn cuMemPoolTrimTo(pool: Handle, keep: usize) {
        let device = driver::driver()?.device_of_pool(pool)?;
        device.memory().pool(pool)?.trim(keep);
        Ok(())
    }
}

/// The beginning of `CUmemPoolProps` and of `CUmemAllocationProp`.
#[repr(C)]
pub(crate) struct Properties {
    kind: i32,
    handle_types: i32,
    location_kind: i32,
    location: i32,
}

impl Properties {
    /// The device that memory of this kind is to be on.
    pub(super) fn device(place: *const Self) -> Result<Ordinal, Code> {
        // SAFETY: the caller owes null or a whole structure.
        let properties = unsafe { place.as_ref() }.ok_or(Code::INVALID_VALUE)?;
        of_device(properties.location_kind, properties.location)
    }
}
