//! Device memory: allocating, freeing, and what is left.

use crate::boundary::{Out, driver_calls};
use crate::calls::streams;
use crate::context;
use crate::device::Ordinal;
use crate::device_memory::{DeviceAddress, Origin};
use crate::driver;
use crate::handle::Handle;

driver_calls! {
    fn cuMemAlloc_v2(address: Out<DeviceAddress>, bytes: usize) {
        let current = context::current()?;
        address.set(current.device.memory().allocate(bytes, Origin::Device, current.context)?)
    }

    fn cuMemAllocAsync(address: Out<DeviceAddress>, bytes: usize, stream: Handle) {
        let current = streams::context_of(stream)?;
        let origin = Origin::Pool(current.device.pool_in_use()?);
        address.set(current.device.memory().allocate(bytes, origin, current.context)?)
    }

    fn cuMemAllocFromPoolAsync(address: Out<DeviceAddress>, bytes: usize, pool: Handle, stream: Handle) {
        let current = streams::context_of(stream)?;
        let device = current.driver.device_of_pool(pool)?;
        address.set(device.memory().allocate(bytes, Origin::Pool(pool), current.context)?)
    }

    fn cuMemFree_v2(address: DeviceAddress) {
        let current = context::current()?;
        if address == DeviceAddress(0) {
            return Ok(());
        }
        current.driver.order.wait_for_all(current.context);
        current.driver.free(address)
    }

    fn cuMemFreeAsync(address: DeviceAddress, stream: Handle) {
        let current = streams::context_of(stream)?;
        current.device.pool_in_use()?;
        if address == DeviceAddress(0) {
            return Ok(());
        }
        current.driver.free(address)
    }

    fn cuMemGetInfo_v2(free: Out<usize>, total: Out<usize>) {
        let device = context::current()?.device;
        free.set(device.memory().free_bytes())?;
        total.set(device.capacity)
    }

    /// Not of cuda.h: what a device has free, as the software NVML asks it, without a context.
    fn softwareDriverGetFree(free: Out<usize>, device: Ordinal) {
        free.set(driver::driver()?.device(device)?.memory().free_bytes())
    }

    /// Not of cuda.h: what other processes hold of a device, as the software NVML asks it.
    fn softwareDriverGetForeign(foreign: Out<usize>, device: Ordinal) {
        foreign.set(driver::driver()?.device(device)?.memory().foreign_bytes())
    }

    fn cuMemGetAddressRange_v2(start: Out<DeviceAddress>, bytes: Out<usize>, address: DeviceAddress) {
        let (block, size) = context::current()?.driver.range_around(address)?;
        start.set_if_wanted(block);
        bytes.set_if_wanted(size);
        Ok(())
    }
}
