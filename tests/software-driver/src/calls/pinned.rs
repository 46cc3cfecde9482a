//! Pinned host memory.

use crate::boundary::{Out, driver_calls};
use crate::code::Code;
use crate::context;
use crate::device_memory::DeviceAddress;
use crate::pinned_memory::HostAddress;

driver_calls! {
    fn cuMemHostAlloc(address: Out<usize>, bytes: usize, flags: u32) {
        allocate(address, bytes, flags)
    }

    fn cuMemAllocHost_v2(address: Out<usize>, bytes: usize) {
        allocate(address, bytes, 0)
    }

    fn cuMemFreeHost(address: usize) {
        context::current()?.driver.pinned.free(HostAddress(address))
    }

    fn cuMemHostRegister_v2(address: usize, bytes: usize, flags: u32) {
        let current = context::current()?;
        current.driver.pinned.register(HostAddress(address), bytes, flags, current.context)
    }

    fn cuMemHostUnregister(address: usize) {
        context::current()?.driver.pinned.unregister(HostAddress(address))
    }

    fn cuMemHostGetFlags(flags: Out<u32>, address: usize) {
        flags.set(context::current()?.driver.pinned.flags(HostAddress(address))?)
    }

    /// Under unified addressing, pinned memory has the same address on both sides.
    fn cuMemHostGetDevicePointer_v2(device_address: Out<DeviceAddress>, address: usize, _flags: u32) {
        context::current()?.driver.pinned.flags(HostAddress(address))?;
        device_address.set(DeviceAddress(address as u64))
    }
}

fn allocate(address: Out<usize>, bytes: usize, flags: u32) -> Result<(), Code> {
    let current = context::current()?;
    let HostAddress(start) = current.driver.pinned.allocate(bytes, flags, current.context)?;
    address.set(start)
}
