//! A slice of device memory whose free is recorded.

use std::{mem, ops::Deref, sync::Arc};

use cudarc::driver::{
    CudaSlice, CudaStream, CudaViewMut, DevicePtr, DevicePtrMut, DeviceSlice, SyncOnDrop, sys,
};
use memtrace_tracer::{Address, Bytes, Pool};

/// A `CudaSlice` whose alloc was recorded and whose free will be.
///
/// It lends the `CudaSlice` for reading; for writing it is a [`DevicePtrMut`] itself or lends a [view](Self::view_mut).
#[derive(Debug)]
pub struct TracedSlice<T> {
    slice: CudaSlice<T>,
    /// What was recorded of it; nothing if it is empty or recording was off.
    block: Option<Block>,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    pool: Pool,
    address: Address,
    size: Bytes,
}

impl<T> TracedSlice<T> {
    /// Records a slice that was just allocated.
    pub(crate) fn allocated(pool: Pool, slice: CudaSlice<T>) -> Self {
        let size = Bytes(slice.num_bytes() as u64);
        let block = (memtrace_tracer::enabled() && size.0 > 0).then(|| {
            let (address, use_of_it) = slice.device_ptr(slice.stream());
            // Dropped, it would make later users of the slice wait for a use that there is none of.
            mem::forget(use_of_it);
            Block { pool, address: Address(address), size }
        });
        if let Some(Block { pool, address, size }) = block {
            pool.block_alloc(address, size, size);
        }
        Self { slice, block }
    }

    /// The whole slice, to be written to: by a kernel, say.
    pub fn view_mut(&mut self) -> CudaViewMut<'_, T> {
        self.slice.as_view_mut()
    }
}

impl<T> Drop for TracedSlice<T> {
    /// Records the free; the slice itself is dropped behind this.
    fn drop(&mut self) {
        if let Some(Block { pool, address, size }) = self.block {
            pool.block_free(address, size);
        }
    }
}

impl<T> Deref for TracedSlice<T> {
    type Target = CudaSlice<T>;

    fn deref(&self) -> &CudaSlice<T> {
        &self.slice
    }
}

impl<T> DeviceSlice<T> for TracedSlice<T> {
    fn len(&self) -> usize {
        self.slice.len()
    }

    fn stream(&self) -> &Arc<CudaStream> {
        self.slice.stream()
    }
}

impl<T> DevicePtr<T> for TracedSlice<T> {
    fn device_ptr<'a>(&'a self, stream: &'a CudaStream) -> (sys::CUdeviceptr, SyncOnDrop<'a>) {
        self.slice.device_ptr(stream)
    }
}

impl<T> DevicePtrMut<T> for TracedSlice<T> {
    fn device_ptr_mut<'a>(&'a mut self, stream: &'a CudaStream) -> (sys::CUdeviceptr, SyncOnDrop<'a>) {
        self.slice.device_ptr_mut(stream)
    }
}
