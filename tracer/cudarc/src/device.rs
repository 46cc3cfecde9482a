//! A device: the heap that its slices are allocated in.

use std::sync::Arc;

use cudarc::driver::{CudaContext, CudaStream, DriverError, sys};
use memtrace_tracer::{Bytes, Device, Heap, MemoryKind, Pool, Tier};

use crate::TracedStream;

/// A CUDA device in the log: the heap `cuda:N` and its pool.
#[derive(Clone, Debug)]
pub struct TracedDevice {
    context: Arc<CudaContext>,
    pool: Pool,
}

impl TracedDevice {
    /// Names the device of this context, once for all of its streams. Recording must be on by now.
    ///
    /// # Errors
    ///
    /// The driver does not say what the device is.
    pub fn define(context: &Arc<CudaContext>) -> Result<Self, DriverError> {
        let total = Bytes(context.total_mem()? as u64);
        let device = Device::define(ordinal(context), &context.name()?, Some(total));
        let heap = Heap::define(&format!("cuda:{}", context.ordinal()), MemoryKind::Device, Some(device));
        let pool = heap.pool(if context.has_async_alloc() { "default memory pool" } else { "" }, 0);
        Ok(Self { context: Arc::clone(context), pool })
    }

    /// A stream of this device, recorded from now on.
    pub fn stream(&self, stream: Arc<CudaStream>) -> TracedStream {
        TracedStream::new(self.clone(), stream)
    }

    pub(crate) fn pool(&self) -> Pool {
        self.pool
    }

    pub(crate) fn tier(&self) -> Tier {
        Tier::Device(ordinal(&self.context))
    }

    /// Records that an alloc failed, if that is for lack of memory.
    pub(crate) fn alloc_failed(&self, requested: Bytes, error: DriverError) -> DriverError {
        if error.0 == sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY {
            let free = self.context.mem_get_info().ok().map(|(free, _)| Bytes(free as u64));
            self.pool.out_of_memory(requested, free);
        }
        error
    }
}

/// CUDA numbers devices from 0; a machine has far fewer than a tier can tell apart.
pub(crate) fn ordinal(context: &CudaContext) -> u16 {
    u16::try_from(context.ordinal()).unwrap_or(Tier::MAX_ORDINAL)
}
