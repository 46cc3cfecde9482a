//! Sources of figures about devices and the machine, a file a source.
//!
//! A source reads; it keeps nothing and decides nothing. A figure that is not to be had is an [`Unavailable`] that says why,
//! never 0. What the kernel's files say of memory is parsed here and not by sysinfo, which says 0 where a line is missing and
//! makes up the available memory; names of other processes come from sysinfo.

mod driver;

mod nvml;

mod host;

mod pressure;

mod process_names;

mod kernel_file;

use thiserror::Error;

pub(crate) use driver::{Context, Driver, DriverDevice, DriverMemory, PoolMemory};
pub(crate) use host::{Host, MachineMemory, PageFaults};
pub(crate) use nvml::{DeviceProcess, DeviceUse, Nvml, NvmlDevice, NvmlMemory, PcieTraffic};
pub(crate) use pressure::{Pressure, Stalls};
pub(crate) use process_names::process_name;

/// What a source says.
pub(crate) type Reading<T> = Result<T, Unavailable>;

/// Why there is no figure.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Unavailable {
    /// A library, a file, a line or a device is not there.
    #[error("{0} is missing")]
    Missing(String),
    /// It cannot be had yet, and may be later.
    #[error("{0}")]
    NotYet(&'static str),
    /// There is no such figure on this device or with this driver.
    #[error("{call} is not supported")]
    Unsupported {
        /// The function or the file that was asked.
        call: &'static str,
    },
    /// It was asked for, and that failed.
    #[error("{call} failed: {why}")]
    Failed {
        /// The function or the file that was asked.
        call: &'static str,
        /// What it says.
        why: String,
    },
}

/// The number of a device among those that a process sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ordinal(pub(crate) u16);

/// What tells a device, or a part of one, from all others on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Uuid(pub(crate) [u8; 16]);

impl Uuid {
    /// Reads `GPU-8932f937-d72c-4106-c12f-20bd9faed9f6`, or `MIG-` and the same.
    fn parse(text: &str) -> Option<Self> {
        let (_, digits) = text.split_once('-')?;
        let digits = digits.replace('-', "");
        (digits.len() == 32)
            .then(|| u128::from_str_radix(&digits, 16).ok())
            .flatten()
            .map(|number| Self(number.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_the_same_from_both_libraries() {
        let uuid = Uuid::parse("GPU-00010203-0405-0607-0809-0a0b0c0d0e0f").unwrap();
        assert_eq!(uuid, Uuid([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]));
        assert_eq!(Uuid::parse("MIG-00010203-0405-0607-0809-0a0b0c0d0e0f"), Some(uuid));
        for text in ["", "GPU-", "GPU-0001", "MIG-GPU-00010203-0405-0607-0809-0a0b0c0d0e0f/1/0"] {
            assert_eq!(Uuid::parse(text), None, "{text}");
        }
    }
}
