//! Identities of devices. The software NVML has the same file, and so the same devices.

/// What the device of this ordinal is called.
pub(crate) fn name(ordinal: i32) -> String {
    format!("Software Device {ordinal}")
}

/// What tells it from all others.
pub(crate) fn uuid(ordinal: i32) -> [u8; 16] {
    let mut uuid = *b"software-device\0";
    uuid[15] = ordinal.to_le_bytes()[0];
    uuid
}

/// Where a device is: each on a bus of its own.
pub(crate) fn bus_id(ordinal: i32) -> String {
    format!("0000:{:02X}:00.0", ordinal + 1)
}
