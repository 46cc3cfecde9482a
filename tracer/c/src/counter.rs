//! Counters: named values sampled over time.

#![allow(non_camel_case_types, reason = "these are the names in C")]

use std::ffi::c_char;

use memtrace_tracer::{Counter, CounterId, Device, DeviceId, Unit};

use crate::{
    boundary::{handle, text},
    heap::memtrace_device,
};

/// A named value, sampled.
pub type memtrace_counter = u32;

/// Bytes.
pub const MEMTRACE_UNIT_BYTES: u32 = 1;
/// A plain number.
pub const MEMTRACE_UNIT_COUNT: u32 = 2;
/// Hundredths.
pub const MEMTRACE_UNIT_PERCENT: u32 = 3;
/// Nanoseconds.
pub const MEMTRACE_UNIT_NANOSECONDS: u32 = 4;
/// Bytes a second.
pub const MEMTRACE_UNIT_BYTES_PER_SECOND: u32 = 5;
/// Degrees Celsius.
pub const MEMTRACE_UNIT_CELSIUS: u32 = 6;
/// Watts.
pub const MEMTRACE_UNIT_WATTS: u32 = 7;

/// Names a counter of values in MEMTRACE_UNIT_ `unit`, about `device` if it is about one. 0 for an unknown unit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtrace_counter_define(
    name: *const c_char,
    unit: u32,
    device: memtrace_device,
) -> memtrace_counter {
    handle(|| {
        let Some(unit) = u8::try_from(unit).ok().and_then(Unit::decode) else { return 0 };
        let device = Some(DeviceId(device)).filter(|device| !device.is_none()).map(Device::from);
        // SAFETY: the caller passes a string.
        CounterId::from(Counter::define(&unsafe { text(name) }, unit, device)).0
    })
}

/// The counter's value now.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_counter_record(counter: memtrace_counter, value: u64) {
    Counter::from(CounterId(counter)).record(value);
}

/// The counter's value now, where it is not a whole number.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_counter_record_float(counter: memtrace_counter, value: f64) {
    Counter::from(CounterId(counter)).record_float(value);
}

const _: () = {
    assert!(MEMTRACE_UNIT_BYTES == Unit::Bytes as u32);
    assert!(MEMTRACE_UNIT_COUNT == Unit::Count as u32);
    assert!(MEMTRACE_UNIT_PERCENT == Unit::Percent as u32);
    assert!(MEMTRACE_UNIT_NANOSECONDS == Unit::Nanoseconds as u32);
    assert!(MEMTRACE_UNIT_BYTES_PER_SECOND == Unit::BytesPerSecond as u32);
    assert!(MEMTRACE_UNIT_CELSIUS == Unit::Celsius as u32);
    assert!(MEMTRACE_UNIT_WATTS == Unit::Watts as u32);
};
