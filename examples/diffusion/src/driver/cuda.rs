//! A CUDA device, through the driver's own calls.

use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cudarc::driver::{result, sys};

use super::{Driver, DriverError, HostBuffer};
use crate::quantity::{Address, Bytes};

const ORDINAL: u16 = 0;

/// The first CUDA device and its primary context, which lives as long as this does.
pub(crate) struct CudaDriver {
    device: sys::CUdevice,
    context: sys::CUcontext,
    name: String,
    limit: Limit,
}

/// What the engine may use of the device, and the ranges that it does use.
struct Limit {
    bytes: Bytes,
    ranges: Mutex<BTreeMap<Address, Bytes>>,
}

// SAFETY: a context handle may be made current on any thread; the driver locks what it shares, and every call below
// makes the context current on its own thread first. Nothing else in the struct is tied to a thread.
unsafe impl Send for CudaDriver {}
// SAFETY: as above; no method gives out the handles.
unsafe impl Sync for CudaDriver {}

impl CudaDriver {
    /// Opens the first device, of which at most `limit` will be used.
    pub(crate) fn open(limit: Option<Bytes>) -> Result<CudaDriver, DriverError> {
        // SAFETY: it only tries to open the library, whose constructors are the driver's own.
        // Every other call panics where the library is missing, so it is asked for first.
        if !unsafe { sys::is_culib_present() } {
            return Err(DriverError::Absent("there is no libcuda on this machine"));
        }
        result::init().map_err(|error| match error.0 {
            sys::CUresult::CUDA_ERROR_NO_DEVICE => DriverError::Absent("the CUDA driver has no device"),
            _ => failed(error),
        })?;
        if result::device::get_count().map_err(failed)? < 1 {
            return Err(DriverError::Absent("the CUDA driver has no device"));
        }
        let device = result::device::get(ORDINAL.into()).map_err(failed)?;
        let name = result::device::get_name(device).map_err(failed)?;
        // SAFETY: `device` came from `device::get`.
        let total = Bytes::of(unsafe { result::device::total_mem(device) }.map_err(failed)?);
        // SAFETY: `device` came from `device::get`; the context is released in `drop`, once.
        let context = unsafe { result::primary_ctx::retain(device) }.map_err(failed)?;
        let bytes = limit.unwrap_or(total).min(total);
        Ok(CudaDriver { device, context, name, limit: Limit { bytes, ranges: Default::default() } })
    }

    fn enter(&self) -> Result<(), DriverError> {
        // SAFETY: the context was retained in `open` and is released only in `drop`.
        unsafe { result::ctx::set_current(self.context) }.map_err(failed)
    }
}

impl Limit {
    fn left(&self) -> Bytes {
        let used: Bytes = self.ranges().values().copied().sum();
        self.bytes.saturating_sub(used)
    }

    fn ranges(&self) -> MutexGuard<'_, BTreeMap<Address, Bytes>> {
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Driver for CudaDriver {
    fn heap_name(&self) -> String {
        format!("cuda:{ORDINAL}")
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn ordinal(&self) -> u16 {
        ORDINAL
    }

    fn total(&self) -> Bytes {
        self.limit.bytes
    }

    fn free_memory(&self) -> Result<Bytes, DriverError> {
        self.enter()?;
        let (free, _) = result::mem_get_info().map_err(failed)?;
        Ok(Bytes::of(free).min(self.limit.left()))
    }

    fn malloc(&self, size: Bytes) -> Result<Address, DriverError> {
        self.enter()?;
        if size > self.limit.left() {
            return Err(DriverError::OutOfMemory);
        }
        // SAFETY: the range is uninitialised device memory; it is only ever reached through copies.
        let address = Address(unsafe { result::malloc_sync(size.length()) }.map_err(failed)?);
        self.limit.ranges().insert(address, size);
        Ok(address)
    }

    fn free(&self, address: Address) -> Result<(), DriverError> {
        self.enter()?;
        if self.limit.ranges().remove(&address).is_none() {
            return Err(DriverError::Failed(format!("{:#x} is not allocated", address.0)));
        }
        // SAFETY: the address came from `malloc` and, having just left the table, is freed once.
        unsafe { result::free_sync(address.0) }.map_err(failed)
    }

    fn page_locked(&self, size: Bytes) -> Result<Box<dyn HostBuffer>, DriverError> {
        self.enter()?;
        // The driver refuses ranges of no bytes.
        let length = size.length().max(1);
        // SAFETY: the range is this process's own memory, written below before anybody reads it.
        let start = unsafe { result::malloc_host(length, 0) }.map_err(failed)?;
        let start = NonNull::new(start.cast::<u8>())
            .ok_or_else(|| DriverError::Failed("page-locked memory at address 0".to_owned()))?;
        // SAFETY: `length` bytes from `start` on were allocated just now, and nobody else knows them.
        unsafe { start.as_ptr().write_bytes(0, length) };
        Ok(Box::new(PageLockedRange { start, length: size.length(), context: self.context }))
    }

    fn copy_to_device(&self, to: Address, from: &[u8]) -> Result<(), DriverError> {
        self.enter()?;
        // SAFETY: the caching allocator gives out ranges inside live segments, at least as long as the tensor copied.
        unsafe { result::memcpy_htod_sync(to.0, from) }.map_err(failed)
    }

    fn copy_to_host(&self, to: &mut [u8], from: Address) -> Result<(), DriverError> {
        self.enter()?;
        // SAFETY: as in `copy_to_device`; any bytes are valid `u8`s.
        unsafe { result::memcpy_dtoh_sync(to, from.0) }.map_err(failed)
    }

    fn copy_within_device(&self, to: Address, from: Address, size: Bytes) -> Result<(), DriverError> {
        self.enter()?;
        // SAFETY: both ranges are blocks that the caching allocator handed out and that their tensors still own.
        unsafe { result::memcpy_dtod_sync(to.0, from.0, size.length()) }.map_err(failed)
    }
}

/// Page-locked memory of the driver's, at least `length` bytes, all of them written.
struct PageLockedRange {
    start: NonNull<u8>,
    length: usize,
    /// Alive while this is: the memory's owner keeps the driver.
    context: sys::CUcontext,
}

// SAFETY: the range is plain memory that this alone owns, and a context may be made current on any thread.
unsafe impl Send for PageLockedRange {}
// SAFETY: as above; sharing it gives out shared slices only.
unsafe impl Sync for PageLockedRange {}

impl HostBuffer for PageLockedRange {
    fn bytes(&self) -> &[u8] {
        // SAFETY: `length` bytes from `start` on are initialised and live as long as `self`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`; `self` is borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl Drop for PageLockedRange {
    fn drop(&mut self) {
        // SAFETY: the context is alive; the range came from `malloc_host` and is freed once. A failure has nobody to be told.
        let _ = unsafe {
            result::ctx::set_current(self.context)
                .and_then(|()| result::free_host(self.start.as_ptr().cast()))
        };
    }
}

impl Drop for CudaDriver {
    fn drop(&mut self) {
        // SAFETY: pairs with the `retain` in `open`. A failure here has nobody left to be told.
        let _ = unsafe { result::primary_ctx::release(self.device) };
    }
}

fn failed(error: result::DriverError) -> DriverError {
    match error.0 {
        sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => DriverError::OutOfMemory,
        _ => DriverError::Failed(error.to_string()),
    }
}
