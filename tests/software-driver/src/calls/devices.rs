//! Devices: how many, who they are, and what they can.

use std::ffi::c_char;

use crate::boundary::{Out, driver_calls};
use crate::code::Code;
use crate::device::Ordinal;
use crate::driver;
use crate::handle::Handle;

driver_calls! {
    fn cuDeviceGetCount(count: Out<i32>) {
        count.set(driver::driver()?.devices.len() as i32)
    }

    fn cuDeviceGet(device: Out<Ordinal>, ordinal: Ordinal) {
        device.set(driver::driver()?.device(ordinal)?.ordinal)
    }

    fn cuDeviceGetName(name: *mut c_char, size: i32, device: Ordinal) {
        let text = driver::driver()?.device(device)?.name();
        write_text(&text, name, size)
    }

    fn cuDeviceGetUuid(uuid: Out<[u8; 16]>, device: Ordinal) {
        uuid.set(driver::driver()?.device(device)?.uuid())
    }

    fn cuDeviceGetUuid_v2(uuid: Out<[u8; 16]>, device: Ordinal) {
        uuid.set(driver::driver()?.device(device)?.uuid())
    }

    fn cuDeviceTotalMem_v2(bytes: Out<usize>, device: Ordinal) {
        bytes.set(driver::driver()?.device(device)?.capacity)
    }

    fn cuDeviceGetAttribute(value: Out<i32>, attribute: u32, device: Ordinal) {
        value.set(driver::driver()?.device(device)?.attribute(attribute)?)
    }

    fn cuDeviceGetDefaultMemPool(pool: Out<Handle>, device: Ordinal) {
        pool.set(driver::driver()?.device(device)?.default_pool()?)
    }

    fn cuDeviceGetMemPool(pool: Out<Handle>, device: Ordinal) {
        pool.set(driver::driver()?.device(device)?.pool_in_use()?)
    }

    fn cuDeviceSetMemPool(device: Ordinal, pool: Handle) {
        driver::driver()?.device(device)?.use_pool(pool)
    }

    fn cuDeviceGetPCIBusId(text: *mut c_char, size: i32, device: Ordinal) {
        let device = driver::driver()?.device(device)?;
        write_text(&device.bus_id(), text, size)
    }
}

/// As much of a text as there is room for in `size` bytes, and a zero.
fn write_text(text: &str, place: *mut c_char, size: i32) -> Result<(), Code> {
    let room = usize::try_from(size).ok().filter(|room| *room > 0).ok_or(Code::INVALID_VALUE)?;
    if place.is_null() {
        return Err(Code::INVALID_VALUE);
    }
    let length = text.len().min(room - 1);
    // SAFETY: the caller owes `size` writable bytes there, and `length` and the zero after it fit them.
    unsafe {
        place.copy_from_nonoverlapping(text.as_ptr().cast(), length);
        place.add(length).write(0);
    }
    Ok(())
}
