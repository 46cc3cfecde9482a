//! All state of the driver, from `cuInit` to the end of the process.

use std::sync::OnceLock;
use std::time::Instant;

use crate::code::Code;
use crate::context::Contexts;
use crate::device::{Device, Ordinal};
use crate::device_memory::{DeviceAddress, Span};
use crate::graph::Graphs;
use crate::handle::{Handle, Table};
use crate::order::{Order, Work};
use crate::peers::Peers;
use crate::pinned_memory::PinnedMemory;
use crate::settings;
use crate::virtual_memory::VirtualMemory;

pub(crate) struct Driver {
    pub(crate) devices: Vec<Device>,
    pub(crate) contexts: Contexts,
    pub(crate) streams: Table<Stream>,
    pub(crate) events: Table<Event>,
    pub(crate) pinned: PinnedMemory,
    pub(crate) virtual_memory: VirtualMemory,
    pub(crate) order: Order,
    pub(crate) graphs: Graphs,
    pub(crate) peers: Peers,
}

pub(crate) struct Stream {
    pub(crate) context: Handle,
    pub(crate) priority: i32,
}

pub(crate) struct Event {
    pub(crate) context: Handle,
    pub(crate) timed: bool,
    pub(crate) recorded: Option<Instant>,
    /// The work that comes before it.
    pub(crate) after: Work,
    /// The graph that is captured from the stream that it was recorded on.
    pub(crate) captured_in: Option<Handle>,
}

static DRIVER: OnceLock<Result<Driver, Code>> = OnceLock::new();

/// `cuInit`: the first call makes the devices, and every later one answers as the first did.
pub(crate) fn initialize() -> Result<(), Code> {
    match DRIVER.get_or_init(Driver::new) {
        Ok(_) => Ok(()),
        Err(code) => Err(*code),
    }
}

/// The driver, once it is initialised.
pub(crate) fn driver() -> Result<&'static Driver, Code> {
    match DRIVER.get() {
        Some(Ok(driver)) => Ok(driver),
        _ => Err(Code::NOT_INITIALIZED),
    }
}

impl Driver {
    fn new() -> Result<Self, Code> {
        let settings = settings::settings()?;
        let devices: Vec<_> = (0..settings.devices as i32)
            .map(|ordinal| Device::new(Ordinal(ordinal), settings))
            .collect::<Result<_, _>>()?;
        if devices.is_empty() {
            return Err(Code::NO_DEVICE);
        }
        Ok(Self {
            contexts: Contexts::new(&devices),
            virtual_memory: VirtualMemory::new(&devices).ok_or(Code::OPERATING_SYSTEM)?,
            order: Order::new(settings.lag),
            graphs: Graphs::new(),
            peers: Peers::new(),
            devices,
            streams: Table::new(),
            events: Table::new(),
            pinned: PinnedMemory::new(),
        })
    }

    pub(crate) fn device(&self, ordinal: Ordinal) -> Result<&Device, Code> {
        usize::try_from(ordinal.0).ok().and_then(|index| self.devices.get(index)).ok_or(Code::INVALID_DEVICE)
    }

    /// The device in whose address range `address` lies, or whose memory is mapped there.
    pub(crate) fn device_at(&self, address: DeviceAddress) -> Option<&Device> {
        if self.virtual_memory.contains(address) {
            return self.device(self.virtual_memory.device_at(address)?).ok();
        }
        self.devices.iter().find(|device| device.addresses.contains(&address.0))
    }

    /// Whether `address` can be only a device's, with memory behind it or without.
    pub(crate) fn is_of_a_device(&self, address: DeviceAddress) -> bool {
        self.virtual_memory.contains(address) || self.device_at(address).is_some()
    }

    /// The bytes at `address` on whichever device, if all of them lie in one live block, or in mappings without a gap.
    pub(crate) fn span(&self, address: DeviceAddress, bytes: usize) -> Result<Span, Code> {
        if self.virtual_memory.contains(address) {
            return self.virtual_memory.span(address, bytes);
        }
        let device = self.device_at(address).ok_or(Code::INVALID_VALUE)?;
        device.memory().span(address, bytes)
    }

    /// The block or the mapping around `address`: its start and its size.
    pub(crate) fn range_around(&self, address: DeviceAddress) -> Result<(DeviceAddress, usize), Code> {
        if self.virtual_memory.contains(address) {
            return self.virtual_memory.mapping_around(address);
        }
        let device = self.device_at(address).ok_or(Code::INVALID_VALUE)?;
        device.memory().block_around(address)
    }

    /// Frees a block of any device.
    pub(crate) fn free(&self, address: DeviceAddress) -> Result<(), Code> {
        let device = self.device_at(address).ok_or(Code::INVALID_VALUE)?;
        device.memory().free(address)
    }

    /// The device that `pool` is of.
    pub(crate) fn device_of_pool(&self, pool: Handle) -> Result<&Device, Code> {
        self.devices.iter().find(|device| device.memory().pool(pool).is_ok()).ok_or(Code::INVALID_VALUE)
    }

    /// Ends everything that was made in `context`.
    pub(crate) fn release_all_of(&self, context: Handle, device: Ordinal) -> Result<(), Code> {
        self.streams.retain(|stream| stream.context != context);
        self.events.retain(|event| event.context != context);
        self.order.forget(context);
        self.pinned.release_all_of(context);
        let device = self.device(device)?;
        let mut memory = device.memory();
        memory.free_all_of(context);
        memory.let_go(device.context_bytes);
        Ok(())
    }
}
