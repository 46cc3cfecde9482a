//! One device: who it says it is, and its memory.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard};

use crate::code::Code;
use crate::device_memory::DeviceMemory;
use crate::frames::Frames;
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
    /// Its memory that has no addresses of its own.
    pub(crate) frames: Frames,
    default_pool: Option<Handle>,
    /// The pool of stream-ordered allocation that the program has set.
    pool_in_use: Mutex<Option<Handle>>,
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
            frames: Frames::new(settings.capacity),
            pool_in_use: Mutex::new(None),
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

    pub(crate) fn bus_id(&self) -> String {
        identity::bus_id(self.ordinal.0)
    }

    /// Where stream-ordered requests that name no pool are met: the default pool unless the program has set another.
    pub(crate) fn pool_in_use(&self) -> Result<Handle, Code> {
        let default = self.default_pool()?;
        Ok(handle::lock(&self.pool_in_use).unwrap_or(default))
    }

    pub(crate) fn use_pool(&self, pool: Handle) -> Result<(), Code> {
        self.memory().pool(pool)?;
        *handle::lock(&self.pool_in_use) = Some(pool);
        Ok(())
    }

    /// The pool that is always there, unless there are no pools.
    pub(crate) fn default_pool(&self) -> Result<Handle, Code> {
        self.default_pool.ok_or(Code::NOT_SUPPORTED)
    }

    /// The value of a `CUdevice_attribute`, numbered as in cuda.h; 0 for what a software device has none of.
    pub(crate) fn attribute(&self, number: u32) -> Result<i32, Code> {
        let value = match number {
            1..=3 => 1024,                                 // MAX_THREADS_PER_BLOCK, MAX_BLOCK_DIM_X, _Y
            4 => 64,                                       // MAX_BLOCK_DIM_Z
            5 => i32::MAX,                                 // MAX_GRID_DIM_X
            6 | 7 => 65535,                                // MAX_GRID_DIM_Y, _Z
            8 => 48 << 10,                                 // MAX_SHARED_MEMORY_PER_BLOCK
            10 => 32,                                      // WARP_SIZE
            12 | 82 => 64 << 10,                           // MAX_REGISTERS_PER_BLOCK, _PER_MULTIPROCESSOR
            16 => 16,                                      // MULTIPROCESSOR_COUNT
            18 => i32::from(self.integrated),              // INTEGRATED
            33 => self.ordinal.0 + 1,                      // PCI_BUS_ID
            37 => 256,                                     // GLOBAL_MEMORY_BUS_WIDTH
            38 => 4 << 20,                                 // L2_CACHE_SIZE
            39 => 2048,                                    // MAX_THREADS_PER_MULTIPROCESSOR
            40 | 41 => 1,                                  // ASYNC_ENGINE_COUNT, UNIFIED_ADDRESSING
            75 => 8,                                       // COMPUTE_CAPABILITY_MAJOR
            76 => 0,                                       // COMPUTE_CAPABILITY_MINOR
            81 => 100 << 10,                               // MAX_SHARED_MEMORY_PER_MULTIPROCESSOR
            102 => 1,                                      // VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED
            106 => 16,                                     // MAX_BLOCKS_PER_MULTIPROCESSOR
            97 => 99 << 10,                                // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
            115 => i32::from(self.default_pool.is_some()), // MEMORY_POOLS_SUPPORTED
            _ if (1..=150).contains(&number) => 0,
            _ => return Err(Code::INVALID_VALUE),
        };
        Ok(value)
    }
}
