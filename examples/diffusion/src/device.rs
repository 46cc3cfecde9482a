//! The device as the engine uses it: tensors that free themselves, and copies to and from them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::allocator::{AllocationError, Allocator, Stream};
use crate::books::{DeviceReport, HeapReport};
use crate::driver::{Driver, DriverError};
use crate::quantity::{Address, Bytes};
use crate::recording;

/// All work is queued on one stream, as the web UIs do it.
const STREAM: Stream = Stream(0);

/// A driver under its caching allocator.
pub(crate) struct Device {
    driver: Arc<dyn Driver>,
    allocator: Mutex<Allocator>,
    driver_free: recording::Counter,
}

/// A block of device memory, given back when dropped.
pub(crate) struct Tensor {
    device: Arc<Device>,
    address: Address,
    size: Bytes,
}

impl Device {
    pub(crate) fn new(driver: Arc<dyn Driver>) -> Arc<Device> {
        let heap = recording::Heap::device(driver.as_ref());
        let allocator = Mutex::new(Allocator::new(Arc::clone(&driver), heap));
        Arc::new(Device { driver, allocator, driver_free: heap.counter("driver free") })
    }

    /// Allocates a tensor of whatever the calling thread is doing.
    pub(crate) fn tensor(self: &Arc<Device>, size: Bytes) -> Result<Tensor, AllocationError> {
        self.owned(size, None)
    }

    /// Allocates a tensor of a module's weights.
    pub(crate) fn weights(
        self: &Arc<Device>,
        size: Bytes,
        owner: recording::Module,
    ) -> Result<Tensor, AllocationError> {
        self.owned(size, Some(owner))
    }

    /// What the driver says is free, sampled into the trace. A driver that does not say is left out.
    pub(crate) fn sample_free(&self) {
        if let Some(free) = self.free() {
            self.driver_free.record(free);
        }
    }

    /// What the driver says is free; nothing where it does not say.
    pub(crate) fn free(&self) -> Option<Bytes> {
        self.driver.free_memory().ok()
    }

    /// Gives cached segments that nothing lives in back to the driver, and says how much that was.
    pub(crate) fn release_cached(&self) -> Result<Bytes, DriverError> {
        let mut allocator = self.allocator();
        let before = allocator.book().reserved();
        allocator.release_cached()?;
        Ok(before - allocator.book().reserved())
    }

    pub(crate) fn report(&self) -> (DeviceReport, HeapReport) {
        let device = DeviceReport {
            name: self.driver.name(),
            ordinal: self.driver.ordinal(),
            capacity_bytes: self.driver.total(),
        };
        (device, HeapReport::of(self.driver.heap_name(), self.allocator().book()))
    }

    fn owned(
        self: &Arc<Device>,
        size: Bytes,
        owner: Option<recording::Module>,
    ) -> Result<Tensor, AllocationError> {
        let address = self.allocator().allocate(STREAM, size, owner)?;
        Ok(Tensor { device: Arc::clone(self), address, size })
    }

    fn allocator(&self) -> MutexGuard<'_, Allocator> {
        // The allocator panics only where its own invariants broke; the first panic is the one worth reading.
        self.allocator.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tensor {
    pub(crate) fn size(&self) -> Bytes {
        self.size
    }

    /// Copies host bytes to the start of the tensor.
    pub(crate) fn upload(&self, bytes: &[u8]) -> Result<(), DriverError> {
        assert!(bytes.len() <= self.size.length(), "a copy stays inside its tensor");
        self.device.driver.copy_to_device(self.address, bytes)
    }

    /// Copies the tensor's bytes from `offset` on to the host.
    pub(crate) fn download(&self, bytes: &mut [u8], offset: Bytes) -> Result<(), DriverError> {
        assert!(offset + Bytes::of(bytes.len()) <= self.size, "a copy stays inside its tensor");
        self.device.driver.copy_to_host(bytes, self.address.offset(offset))
    }

    /// Copies the first `size` bytes of another tensor to the start of this one.
    pub(crate) fn copy_from(&self, other: &Tensor, size: Bytes) -> Result<(), DriverError> {
        assert!(size <= self.size && size <= other.size, "a copy stays inside its tensors");
        self.device.driver.copy_within_device(self.address, other.address, size)
    }
}

impl Drop for Tensor {
    fn drop(&mut self) {
        self.device.allocator().free(self.address);
    }
}
