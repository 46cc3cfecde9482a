//! One device: who it says it is, and its memory.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard};

use crate::code::Code;
use crate::device_memory::DeviceMemory;
use crate::handle::{self, Handle};
use crate::identity;
use crate::settings::Settings;

/// `CUdevice`: the place of a device in the order of devices.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ordinal(pub(crate) i32);

pub(crate) struct Device {
    pub(crate) ordinal: Ordinal,
    pub(crate) capacity: usize,
    pub(crate) context_bytes: usize,
    /// The addresses that blocks of this device can have.
    pub(crate) addresses: Range<u64>,
    /// The primary context, which keeps its handle whether it is retained or not.
    pub(crate) primary_context: Handle,
    default_pool: Option<Handle>,
    integrated: bool,
    memory: Mutex<DeviceMemory>,
}

impl Device {
    pub(crate) fn new(ordinal: Ordinal, settings: &Settings) -> Result<Self, Code> {
        let mut memory = DeviceMemory::new(settings).ok_or(Code::OPERATING_SYSTEM)?;
        Ok(Self {
            ordinal,
            addresses: memory.range(),
            capacity: settings.capacity,
            context_bytes: settings.context_bytes,
            primary_context: Handle::fresh(),
            default_pool: settings.memory_pools.then(|| memory.make_pool()),
            integrated: settings.integrated,
            memory: Mutex::new(memory),
        })
    }

    pub(crate) fn memory(&self) -> MutexGuard<'_, DeviceMemory> {
        handle::lock(&self.memory)
    }

    pub(crate) fn name(&self) -> String {
        identity::name(self.ordinal.0)
    }

    pub(crate) fn uuid(&self) -> [u8; 16] {
        identity::uuid(self.ordinal.0)
    }

    /// The pool of stream-ordered allocation, unless there are no pools.
    pub(crate) fn default_pool(&self) -> Result<Handle, Code> {
        self.default_pool.ok_or(Code::NOT_SUPPORTED)
    }

    /// The value of a `CUdevice_attribute`, numbered as in cuda.h; 0 for what a software device has none of.
    pub(crate) fn attribute(&self, number: u32) -> Result<i32, Code> {
        let value = match number {
            1 => 1024,                                     // MAX_THREADS_PER_BLOCK
            8 => 48 << 10,                                 // MAX_SHARED_MEMORY_PER_BLOCK
            10 => 32,                                      // WARP_SIZE
            16 => 16,                                      // MULTIPROCESSOR_COUNT
            18 => i32::from(self.integrated),              // INTEGRATED
            33 => self.ordinal.0 + 1,                      // PCI_BUS_ID
            40 | 41 => 1,                                  // ASYNC_ENGINE_COUNT, UNIFIED_ADDRESSING
            75 => 8,                                       // COMPUTE_CAPABILITY_MAJOR
            76 => 0,                                       // COMPUTE_CAPABILITY_MINOR
            97 => 99 << 10,                                // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
            115 => i32::from(self.default_pool.is_some()), // MEMORY_POOLS_SUPPORTED
            _ if (1..=150).contains(&number) => 0,
            _ => return Err(Code::INVALID_VALUE),
        };
        Ok(value)
    }
}
