//! The unit behind a handle: a device, or a part of one.

use std::ffi::{CStr, c_void};

use crate::{
    code::Code,
    identity,
    settings::{Settings, settings},
};

/// `nvmlDevice_t`: a number that programs hold as a pointer.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handle(pub(crate) usize);

/// Handles of parts begin here.
const PARTS: usize = 0x1000;

/// A device of NVML, or a part of one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    /// A device that CUDA knows by this ordinal.
    Device(i32),
    /// The device whose parts are CUDA's devices.
    Divided,
    /// The part that CUDA knows by this ordinal.
    Part(i32),
}

impl Unit {
    /// NVML's device of this index.
    pub(crate) fn of_index(index: u32) -> Result<Self, Code> {
        let settings = settings()?;
        let index = index.cast_signed();
        if !(0..count(settings)).contains(&index) {
            return Err(Code::INVALID_VALUE);
        }
        Ok(match (settings.divided, settings.reversed) {
            (true, _) => Self::Divided,
            (false, true) => Self::Device(settings.devices - 1 - index),
            (false, false) => Self::Device(index),
        })
    }

    /// The device at a place on the bus, as the CUDA driver gives it, or with a domain of more digits.
    pub(crate) fn on_bus(bus_id: &str) -> Result<Self, Code> {
        let settings = settings()?;
        let short = |text: &str| text.trim_start_matches('0').to_ascii_uppercase();
        let ordinal =
            (0..settings.devices).find(|ordinal| short(&identity::bus_id(*ordinal)) == short(bus_id));
        let ordinal = ordinal.ok_or(Code::NOT_FOUND)?;
        Ok(if settings.divided { Self::Divided } else { Self::Device(ordinal) })
    }

    /// The part of this number.
    pub(crate) fn part(self, number: u32) -> Result<Self, Code> {
        let number = number.cast_signed();
        match self {
            Self::Divided if (0..settings()?.devices).contains(&number) => Ok(Self::Part(number)),
            _ => Err(Code::NOT_FOUND),
        }
    }

    pub(crate) fn handle(self) -> Handle {
        Handle(match self {
            Self::Device(ordinal) => ordinal as usize + 1,
            Self::Divided => PARTS - 1,
            Self::Part(ordinal) => PARTS + ordinal as usize,
        })
    }

    pub(crate) fn of(handle: Handle) -> Result<Self, Code> {
        match handle.0 {
            0 => Err(Code::INVALID_VALUE),
            number if number == PARTS - 1 => Ok(Self::Divided),
            number if number >= PARTS => Ok(Self::Part((number - PARTS) as i32)),
            number => Ok(Self::Device(number as i32 - 1)),
        }
    }

    /// The ordinal of a device that is not divided and is no part: what has sensors and counts what it does.
    pub(crate) fn whole(self) -> Result<u32, Code> {
        match self {
            Self::Device(ordinal) => Ok(ordinal.cast_unsigned()),
            Self::Divided | Self::Part(_) => Err(Code::NOT_SUPPORTED),
        }
    }

    pub(crate) fn name(self) -> String {
        match self {
            Self::Device(ordinal) => identity::name(ordinal),
            Self::Divided => "Software Device".to_owned(),
            Self::Part(ordinal) => format!("Software Device MIG {ordinal}"),
        }
    }

    pub(crate) fn uuid(self) -> String {
        let (kind, bytes) = match self {
            Self::Device(ordinal) => ("GPU", identity::uuid(ordinal)),
            Self::Divided => ("GPU", *b"a divided device"),
            Self::Part(ordinal) => ("MIG", identity::uuid(ordinal)),
        };
        let digits = format!("{:032x}", u128::from_be_bytes(bytes));
        let [a, b, c, d, e] = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        format!("{kind}-{a}-{b}-{c}-{d}-{e}")
    }

    /// What is in use of it, by anybody.
    pub(crate) fn used(self) -> Result<u64, Code> {
        let settings = settings()?;
        match self {
            Self::Device(ordinal) | Self::Part(ordinal) if settings.without_memory == Some(ordinal) => {
                Err(Code::NOT_SUPPORTED)
            }
            Self::Device(ordinal) | Self::Part(ordinal) => Ok(settings.capacity
                - ask(c"softwareDriverGetFree", ordinal).unwrap_or(settings.capacity - settings.foreign)),
            Self::Divided => (0..settings.devices).map(|ordinal| Self::Part(ordinal).used()).sum(),
        }
    }

    /// What other processes have of it.
    pub(crate) fn foreign(self) -> Result<u64, Code> {
        let settings = settings()?;
        match self {
            Self::Device(ordinal) | Self::Part(ordinal) => {
                Ok(ask(c"softwareDriverGetForeign", ordinal).unwrap_or(settings.foreign))
            }
            Self::Divided => (0..settings.devices).map(|ordinal| Self::Part(ordinal).foreign()).sum(),
        }
    }

    /// What it has, without what is reserved.
    pub(crate) fn capacity(self) -> Result<u64, Code> {
        let settings = settings()?;
        Ok(match self {
            Self::Device(_) | Self::Part(_) => settings.capacity,
            Self::Divided => settings.capacity * settings.devices.cast_unsigned() as u64,
        })
    }
}

/// How many devices NVML has.
pub(crate) fn count(settings: &Settings) -> i32 {
    if settings.divided { 1 } else { settings.devices }
}

/// The bytes that a function of the software driver of this process answers, once it is initialised. The name must be that of
/// one of its functions that answer bytes.
fn ask(name: &CStr, ordinal: i32) -> Option<u64> {
    type GetBytes = unsafe extern "C" fn(*mut usize, i32) -> u32;
    let library = loaded_driver()?;
    // SAFETY: the library is loaded and the name ends with a zero.
    let entry = unsafe { libc::dlsym(library, name.as_ptr()) };
    let mut bytes = 0;
    // SAFETY: the functions of these names in the software driver have this type, and the place can be written to.
    let code = (!entry.is_null())
        .then(|| unsafe { std::mem::transmute::<*mut c_void, GetBytes>(entry)(&raw mut bytes, ordinal) })?;
    (code == 0).then_some(bytes as u64)
}

/// The software driver, if the process has loaded it.
fn loaded_driver() -> Option<*mut c_void> {
    let load = |name: &CStr| {
        // SAFETY: the name ends with a zero, and nothing is loaded.
        let library = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
        (!library.is_null()).then_some(library)
    };
    load(c"libcuda.so.1").or_else(|| load(c"libcuda.so"))
}
