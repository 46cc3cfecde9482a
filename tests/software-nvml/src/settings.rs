//! Settings from the environment; the crate's documentation lists the variables.

use std::{env, sync::OnceLock};

use crate::{
    code::Code,
    environment::{Mistake, Parse, flag},
    faults::Faults,
};

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) devices: i32,
    pub(crate) capacity: u64,
    pub(crate) foreign: u64,
    pub(crate) reserved: u64,
    pub(crate) reversed: bool,
    pub(crate) divided: bool,
    pub(crate) without_memory: Option<i32>,
    pub(crate) pid_offset: u32,
    faults: Faults,
}

/// This process's settings, read once; a mistake in them is told once, on stderr.
pub(crate) fn settings() -> Result<&'static Settings, Code> {
    static SETTINGS: OnceLock<Option<Settings>> = OnceLock::new();
    let read = || Settings::read().inspect_err(|mistake| eprintln!("software nvml: {mistake}")).ok();
    SETTINGS.get_or_init(read).as_ref().ok_or(Code::UNKNOWN)
}

/// Counts a call of `name`, and fails if a fault is set for it.
pub(crate) fn strike(name: &str) -> Result<(), Code> {
    settings()?.faults.strike(name)
}

impl Settings {
    fn read() -> Result<Self, Mistake> {
        let variable = |name: &str| env::var(name).ok();
        let driver = Parse { prefix: "SOFTWARE_DRIVER_", variable };
        let own = Parse { prefix: "SOFTWARE_NVML_", variable };
        Ok(Self {
            devices: driver.one("DEVICES", "a number", 0, |text| text.parse().ok())?,
            capacity: driver.bytes("CAPACITY", 1 << 30)? as u64,
            foreign: driver.bytes("FOREIGN_BYTES", 0)? as u64,
            reserved: own.bytes("RESERVED", 0)? as u64,
            reversed: own.one("REVERSED", "0 or 1", false, flag)?,
            divided: own.one("DIVIDED", "0 or 1", false, flag)?,
            without_memory: own
                .one("WITHOUT_MEMORY", "an ordinal", None, |text| text.parse().ok().map(Some))?,
            pid_offset: own.one("PID_OFFSET", "a number", 0, |text| text.parse().ok())?,
            faults: own.one("FAULTS", "NAME:N=CODE or NAME:N+=CODE", Faults::default(), Faults::parse)?,
        })
    }
}
