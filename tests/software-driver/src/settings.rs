//! Settings of this driver, from the environment; the crate's documentation lists the variables.

use std::env;
use std::sync::OnceLock;

use crate::code::Code;
use crate::environment::{Mistake, Parse, bytes, flag};
use crate::faults::Faults;

const PREFIX: &str = "SOFTWARE_DRIVER_";

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) devices: usize,
    pub(crate) capacity: usize,
    pub(crate) granularity: usize,
    pub(crate) context_bytes: usize,
    pub(crate) foreign_bytes: usize,
    pub(crate) context_growth: usize,
    pub(crate) foreign_growth: usize,
    pub(crate) memory_pools: bool,
    pub(crate) integrated: bool,
    pub(crate) lag: u64,
    faults: Faults,
}

/// This process's settings, read once; a mistake in them is told once, on stderr.
pub(crate) fn settings() -> Result<&'static Settings, Code> {
    static SETTINGS: OnceLock<Option<Settings>> = OnceLock::new();
    SETTINGS
        .get_or_init(|| {
            Settings::read(|variable| env::var(variable).ok())
                .inspect_err(|mistake| eprintln!("software driver: {mistake}"))
                .ok()
        })
        .as_ref()
        .ok_or(Code::INVALID_VALUE)
}

/// Counts a call of `name`, and fails if a fault is set for it.
pub(crate) fn strike(name: &str) -> Result<(), Code> {
    match settings() {
        Ok(settings) => settings.faults.strike(name),
        Err(_) => Ok(()),
    }
}

impl Settings {
    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Mistake> {
        let parse = Parse { prefix: PREFIX, variable };
        let settings = Self {
            devices: parse.one("DEVICES", "a number up to 64", 0, |text| {
                text.parse().ok().filter(|devices| *devices <= 64)
            })?,
            capacity: parse.bytes("CAPACITY", 1 << 30)?,
            granularity: parse.one("GRANULARITY", "a power of two from 256 to 1GiB", 512, |text| {
                bytes(text).filter(|bytes| bytes.is_power_of_two() && (256..=1 << 30).contains(bytes))
            })?,
            context_bytes: parse.bytes("CONTEXT_BYTES", 0)?,
            foreign_bytes: parse.bytes("FOREIGN_BYTES", 0)?,
            context_growth: parse.bytes("CONTEXT_GROWTH", 0)?,
            foreign_growth: parse.bytes("FOREIGN_GROWTH", 0)?,
            memory_pools: parse.one("MEMORY_POOLS", "0 or 1", true, flag)?,
            integrated: parse.one("INTEGRATED", "0 or 1", false, flag)?,
            lag: parse.one("LAG", "a number of pieces of work", 0, |text| text.parse().ok())?,
            faults: parse.one(
                "FAULTS",
                "NAME:N=CODE or NAME:N+=CODE, separated by commas, of calls that exist",
                Faults::default(),
                Faults::parse,
            )?,
        };
        if settings.foreign_bytes > settings.capacity {
            return Err(Mistake {
                variable: format!("{PREFIX}FOREIGN_BYTES"),
                value: settings.foreign_bytes.to_string(),
                expected: "at most the capacity",
            });
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, Mistake> {
        Settings::read(|wanted| {
            let (_, value) = variables.iter().find(|(name, _)| format!("{PREFIX}{name}") == wanted)?;
            Some((*value).to_owned())
        })
    }

    #[test]
    fn unset_means_no_device() {
        let settings = read(&[]).unwrap();
        assert_eq!((settings.devices, settings.capacity), (0, 1 << 30));
        assert!(settings.memory_pools && !settings.integrated);
    }

    #[test]
    fn bytes_have_units() {
        for (text, expected) in [("4096", 4096), ("3KiB", 3 << 10), ("64 MiB", 64 << 20), ("2GiB", 2 << 30)] {
            assert_eq!(read(&[("CAPACITY", text)]).unwrap().capacity, expected);
        }
    }

    #[test]
    fn a_mistake_is_named() {
        for (name, value) in [
            ("DEVICES", "65"),
            ("CAPACITY", "lots"),
            ("CAPACITY", "99999999999GiB"),
            ("GRANULARITY", "1000"),
            ("GRANULARITY", "4"),
            ("FOREIGN_BYTES", "2GiB"),
            ("MEMORY_POOLS", "yes"),
            ("FAULTS", "cuMemAlloc:1=2"),
        ] {
            let mistake = read(&[(name, value)]).unwrap_err().to_string();
            assert!(mistake.contains(name), "{mistake}");
        }
    }
}
