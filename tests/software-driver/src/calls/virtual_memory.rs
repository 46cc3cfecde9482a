//! Memory that is made apart from its addresses.

use crate::boundary::{Out, driver_calls};
use crate::calls::pools::Properties;
use crate::code::Code;
use crate::device::Ordinal;
use crate::device_memory::DeviceAddress;
use crate::driver;
use crate::handle::Handle;
use crate::virtual_memory::GRANULARITY;

driver_calls! {
    fn cuMemAddressReserve(
        address: Out<DeviceAddress>,
        bytes: usize,
        alignment: usize,
        _wish: DeviceAddress,
        _flags: u64,
    ) {
        address.set(driver::driver()?.virtual_memory.reserve(bytes, alignment)?)
    }

    fn cuMemAddressFree(address: DeviceAddress, bytes: usize) {
        driver::driver()?.virtual_memory.free(address, bytes)
    }

    fn cuMemCreate(memory: Out<Handle>, bytes: usize, properties: *const Properties, _flags: u64) {
        let driver = driver::driver()?;
        let device = driver.device(Properties::device(properties)?)?;
        memory.set(driver.virtual_memory.create(device, bytes)?)
    }

    fn cuMemRelease(memory: Handle) {
        let driver = driver::driver()?;
        driver.virtual_memory.release(&driver.devices, memory)
    }

    fn cuMemRetainAllocationHandle(memory: Out<Handle>, address: DeviceAddress) {
        memory.set(driver::driver()?.virtual_memory.retain(address)?)
    }

    /// All of a piece of memory: an offset is one that drivers refuse too.
    fn cuMemMap(address: DeviceAddress, bytes: usize, offset: usize, memory: Handle, _flags: u64) {
        let driver = driver::driver()?;
        if offset != 0 {
            return Err(Code::INVALID_VALUE);
        }
        driver.virtual_memory.map(&driver.devices, address, bytes, memory)
    }

    fn cuMemUnmap(address: DeviceAddress, bytes: usize) {
        let driver = driver::driver()?;
        driver.virtual_memory.unmap(&driver.devices, address, bytes)
    }

    fn cuMemSetAccess(address: DeviceAddress, bytes: usize, wanted: *const Access, count: usize) {
        let driver = driver::driver()?;
        for place in 0..count {
            // SAFETY: the caller owes `count` of them.
            let Access { location_kind, location, flags } = unsafe { wanted.add(place).read() };
            let device = driver.device(of_device(location_kind, location)?)?;
            driver.virtual_memory.set_access(address, bytes, device.ordinal, flags == Access::READ_AND_WRITE)?;
        }
        Ok(())
    }

    fn cuMemGetAccess(flags: Out<u64>, wanted: *const Location, address: DeviceAddress) {
        // SAFETY: the caller owes null or a whole structure.
        let wanted = unsafe { wanted.as_ref() }.ok_or(Code::INVALID_VALUE)?;
        let device = of_device(wanted.kind, wanted.id)?;
        let allowed = driver::driver()?.virtual_memory.access(address, device)?;
        flags.set(if allowed { u64::from(Access::READ_AND_WRITE) } else { 0 })
    }

    /// Memory of this driver is of one process: no kind of handle carries it to another.
    fn cuMemExportToShareableHandle(_shared: usize, memory: Handle, _kind: u32, _flags: u64) {
        driver::driver()?.virtual_memory.check(memory)?;
        Err(Code::NOT_SUPPORTED)
    }

    fn cuMemImportFromShareableHandle(_memory: Out<Handle>, _shared: usize, _kind: u32) {
        driver::driver()?;
        Err(Code::NOT_SUPPORTED)
    }

    fn cuMemGetAllocationGranularity(bytes: Out<usize>, properties: *const Properties, _option: u32) {
        driver::driver()?.device(Properties::device(properties)?)?;
        bytes.set(GRANULARITY)
    }
}

/// `CUmemAccessDesc`
#[repr(C)]
pub(crate) struct Access {
    location_kind: i32,
    location: i32,
    flags: u32,
}

impl Access {
    /// `CU_MEM_ACCESS_FLAGS_PROT_READWRITE`
    const READ_AND_WRITE: u32 = 3;
}

/// `CUmemLocation`
#[repr(C)]
pub(crate) struct Location {
    kind: i32,
    id: i32,
}

/// The device that a `CUmemLocation` names.
pub(super) fn of_device(kind: i32, id: i32) -> Result<Ordinal, Code> {
    /// `CU_MEM_LOCATION_TYPE_DEVICE`
    const DEVICE: i32 = 1;
    if kind == DEVICE { Ok(Ordinal(id)) } else { Err(Code::NOT_SUPPORTED) }
}
