//! Fills: a value of one, two or four bytes, repeated over part of a block.

use crate::boundary::driver_calls;
use crate::calls::streams;
use crate::code::Code;
use crate::context::{self, Current};
use crate::device_memory::DeviceAddress;
use crate::driver::Driver;
use crate::handle::Handle;

driver_calls! {
    fn cuMemsetD8_v2(address: DeviceAddress, value: u8, count: usize) {
        fill(context::current()?.driver, address, value, count)
    }

    fn cuMemsetD8Async(address: DeviceAddress, value: u8, count: usize, stream: Handle) {
        let Some(Current { driver, .. }) = streams::work_on(stream)? else { return Ok(()) };
        fill(driver, address, value, count)
    }

    fn cuMemsetD16_v2(address: DeviceAddress, value: u16, count: usize) {
        fill(context::current()?.driver, address, value, count)
    }

    fn cuMemsetD16Async(address: DeviceAddress, value: u16, count: usize, stream: Handle) {
        let Some(Current { driver, .. }) = streams::work_on(stream)? else { return Ok(()) };
        fill(driver, address, value, count)
    }

    fn cuMemsetD32_v2(address: DeviceAddress, value: u32, count: usize) {
        fill(context::current()?.driver, address, value, count)
    }

    fn cuMemsetD32Async(address: DeviceAddress, value: u32, count: usize, stream: Handle) {
        let Some(Current { driver, .. }) = streams::work_on(stream)? else { return Ok(()) };
        fill(driver, address, value, count)
    }
}

fn fill<T: Copy>(driver: &Driver, address: DeviceAddress, value: T, count: usize) -> Result<(), Code> {
    if count == 0 {
        return Ok(());
    }
    let bytes = count.checked_mul(size_of::<T>()).ok_or(Code::INVALID_VALUE)?;
    if !address.0.is_multiple_of(align_of::<T>() as u64) {
        return Err(Code::INVALID_VALUE);
    }
    let span = driver.span(address, bytes)?;
    let start = span.start().cast::<T>();
    for index in 0..count {
        // SAFETY: the span holds `count` values inside a mapping that it keeps alive; a block begins on a page and at
        // an aligned address, so what is aligned as an address is aligned there too.
        unsafe { start.add(index).write(value) };
    }
    Ok(())
}
