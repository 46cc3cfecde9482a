//! The default memory pools: their figures, and giving back what they keep.

use crate::boundary::{Out, driver_calls};
use crate::code::Code;
use crate::driver;
use crate::handle::Handle;
use crate::pool::Pool;

driver_calls! {
    fn cuMemPoolGetAttribute(pool: Handle, attribute: u32, value: Out<u64>) {
        let device = driver::driver()?.device_of_pool(pool)?;
        device.memory().pool.attribute(attribute, value)
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
        device.memory().pool.set_attribute(attribute, value)
    }

    fn cuMemPoolTrimTo(pool: Handle, keep: usize) {
        let device = driver::driver()?.device_of_pool(pool)?;
        device.memory().pool.trim(keep);
        Ok(())
    }
}
