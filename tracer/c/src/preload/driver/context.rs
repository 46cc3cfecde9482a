//! The driver's current context.

use std::ffi::{CStr, c_char, c_int};

use memtrace_tracer::{Bytes, Device};

use super::{Code, SUCCESS, driver_functions};

driver_functions! {
    GET_DEVICE = c"cuCtxGetDevice"(*mut c_int);
    GET_NAME = c"cuDeviceGetName"(*mut c_char, c_int, c_int);
    TOTAL = c"cuDeviceTotalMem_v2"(*mut usize, c_int);
    GET_INFO = c"cuMemGetInfo_v2"(*mut usize, *mut usize);
}

/// The ordinal of the current device; the first, if there is none.
pub(super) fn device() -> u16 {
    let mut device = 0;
    // SAFETY: the place is valid to write to.
    let code = GET_DEVICE.get().map(|get| unsafe { get(&raw mut device) });
    if code == Some(SUCCESS) { u16::try_from(device).unwrap_or(0) } else { 0 }
}

/// What is free of the current device.
pub(in crate::preload) fn free() -> Option<Bytes> {
    let (mut free, mut total) = (0, 0);
    // SAFETY: both places are valid to write to.
    let code: Code = unsafe { GET_INFO.get()?(&raw mut free, &raw mut total) };
    (code == SUCCESS).then_some(Bytes(free as u64))
}

/// Names a device in the log.
pub(in crate::preload) fn define(ordinal: u16) -> Device {
    let (mut name, mut total) = ([0_u8; 256], 0_usize);
    let device = c_int::from(ordinal);
    // SAFETY: there is room for as many bytes as it says, and the other place is valid to write to. Devices are numbered
    // as their ordinals.
    let codes = unsafe {
        (
            GET_NAME.get().map(|get| get(name.as_mut_ptr().cast(), name.len() as c_int, device)),
            TOTAL.get().map(|get| get(&raw mut total, device)),
        )
    };
    let name = CStr::from_bytes_until_nul(&name).ok().filter(|_| codes.0 == Some(SUCCESS));
    let total = Some(Bytes(total as u64)).filter(|_| codes.1 == Some(SUCCESS));
    Device::define(ordinal, &name.unwrap_or_default().to_string_lossy(), total)
}
