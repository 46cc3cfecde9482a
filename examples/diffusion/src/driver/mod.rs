//! The device, at the level of its driver: whole ranges of memory, copies, and how much is left.

mod cuda;
mod host;

use std::sync::Arc;

use anyhow::Context;

pub(crate) use self::cuda::CudaDriver;
pub(crate) use self::host::HostDriver;
use crate::quantity::{Address, Bytes};

/// What a device can do for a caching allocator. Every call is synchronous.
pub(crate) trait Driver: Send + Sync {
    /// What the heap of its memory is called in books and traces.
    fn heap_name(&self) -> String;
    fn name(&self) -> String;
    fn ordinal(&self) -> u16;
    fn total(&self) -> Bytes;
    fn free_memory(&self) -> Result<Bytes, DriverError>;

    fn malloc(&self, size: Bytes) -> Result<Address, DriverError>;
    /// Gives a range back, by the address that `malloc` gave.
    fn free(&self, address: Address) -> Result<(), DriverError>;

    /// Host memory, zeroed, that the device reads and writes by itself. It is given back before the driver goes.
    fn page_locked(&self, size: Bytes) -> Result<Box<dyn HostBuffer>, DriverError>;

    fn copy_to_device(&self, to: Address, from: &[u8]) -> Result<(), DriverError>;
    fn copy_to_host(&self, to: &mut [u8], from: Address) -> Result<(), DriverError>;
    fn copy_within_device(&self, to: Address, from: Address, size: Bytes) -> Result<(), DriverError>;
}

/// Bytes in host memory.
pub(crate) trait HostBuffer: Send + Sync {
    fn bytes(&self) -> &[u8];
    fn bytes_mut(&mut self) -> &mut [u8];
}

/// What a driver answers when it does not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DriverError {
    /// The device has too little left. The caching allocator may have something to give back.
    #[error("the device is out of memory")]
    OutOfMemory,
    /// There is no device to drive.
    #[error("{0}")]
    Absent(&'static str),
    /// Anything else: a defect of the engine, or a device that went away.
    #[error("the driver failed: {0}")]
    Failed(String),
}

/// Which device to run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Choice {
    /// CUDA if there is a usable device, else the host.
    Auto,
    /// Host memory with a fixed capacity.
    Host,
    /// The first CUDA device.
    Cuda,
}

/// Opens the chosen device. The host's needs a capacity; CUDA's own is lowered to `limit`, if one is given.
pub(crate) fn open(choice: Choice, capacity: Bytes, limit: Option<Bytes>) -> anyhow::Result<Arc<dyn Driver>> {
    match choice {
        Choice::Host => Ok(Arc::new(HostDriver::new(capacity))),
        Choice::Cuda => {
            let driver = CudaDriver::open(limit).context("no CUDA device can be used; try --device host")?;
            Ok(Arc::new(driver))
        }
        Choice::Auto => match CudaDriver::open(limit) {
            Ok(driver) => Ok(Arc::new(driver)),
            Err(error) => {
                if !matches!(error, DriverError::Absent(_)) {
                    eprintln!("diffusion: running on host memory, for CUDA cannot be used: {error}");
                }
                Ok(Arc::new(HostDriver::new(capacity)))
            }
        },
    }
}
