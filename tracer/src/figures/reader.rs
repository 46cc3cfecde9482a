//! The memory of one device, from whoever knows it.

use memtrace_format::Bytes;
use thiserror::Error;

use crate::sources::{
    Context, Driver, DriverDevice, DriverMemory, Host, Nvml, NvmlDevice, Ordinal, PoolMemory, Reading,
    Unavailable,
};

/// A figure that cannot be had, and why.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what}: {why}")]
pub struct FigureError {
    what: String,
    why: Unavailable,
}

impl FigureError {
    pub(super) fn of(what: impl Into<String>) -> impl FnOnce(Unavailable) -> Self {
        let what = what.into();
        move |why| Self { what, why }
    }
}

/// Reads the memory of one device.
pub(super) struct DeviceReader {
    device: Source,
    integrated: bool,
    host: Host,
}

enum Source {
    Driver(DriverDevice),
    /// It counts what the driver keeps to itself as well.
    Nvml(NvmlDevice),
}

/// The memory of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DeviceMemory {
    /// In the driver's words.
    pub(super) driver: DriverMemory,
    /// What of the host's memory can be had without swapping, if the device's memory is the host's.
    pub(super) available: Option<Bytes>,
}

impl DeviceMemory {
    /// What can be had. Of memory that is the host's the driver leaves out the caches that could be dropped.
    pub(super) fn free(&self) -> Bytes {
        self.available.unwrap_or(self.driver.free)
    }
}

impl DeviceReader {
    /// Finds the device: with the driver, or else with NVML if that knows just one. (NVML numbers devices in another way.)
    pub(super) fn open(ordinal: u16) -> Reading<Self> {
        let found = Driver::load().and_then(|driver| {
            // Only the driver knows how many there are.
            let device = driver.device(Ordinal(ordinal))?;
            Ok((Source::Driver(device), device.is_integrated().unwrap_or(false)))
        });
        let (device, integrated) = found.or_else(|why| match only_nvml_device(ordinal) {
            Some(device) => Ok((Source::Nvml(device), false)),
            None => Err(why),
        })?;
        Ok(Self { device, integrated, host: Host::open() })
    }

    /// How its memory is.
    pub(super) fn memory(&self, context: Context) -> Reading<DeviceMemory> {
        let driver = match &self.device {
            Source::Driver(device) => device.memory(context)?,
            Source::Nvml(device) => {
                let memory = device.memory()?;
                DriverMemory { free: memory.free, total: memory.total }
            }
        };
        let available = if self.integrated { Some(self.host.machine()?.available) } else { None };
        Ok(DeviceMemory { driver, available })
    }

    /// What its default pool of stream-ordered allocation has.
    pub(super) fn pool(&self) -> Reading<PoolMemory> {
        self.driver()?.pool()
    }

    /// The device as the driver knows it.
    pub(super) fn driver(&self) -> Reading<&DriverDevice> {
        match &self.device {
            Source::Driver(device) => Ok(device),
            Source::Nvml(_) => Err(Unavailable::Missing("the CUDA driver".to_owned())),
        }
    }

    /// Whether its memory is the host's.
    pub(super) fn is_integrated(&self) -> bool {
        self.integrated
    }

    /// The machine that it is in.
    pub(super) fn host(&self) -> &Host {
        &self.host
    }
}

fn only_nvml_device(ordinal: u16) -> Option<NvmlDevice> {
    let mut devices = Nvml::load().ok()?.devices().ok()?;
    (ordinal == 0 && devices.len() == 1).then(|| devices.pop()).flatten()
}
