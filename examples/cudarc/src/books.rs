//! The engine's own books, and the driver's figures for it.

use anyhow::Result;
use cudarc::driver::{
    CudaContext, CudaSlice, DriverError,
    result::{device, mem_pool},
    sys::{CUmemPool_attribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH, CUresult},
};
use serde_json::{Value, json};

/// Which way a copy goes.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// To the device.
    In,
    /// From the device.
    Out,
    /// From the device to itself.
    Within,
}

#[derive(Default)]
pub(crate) struct Books {
    allocs: u64,
    frees: u64,
    ooms: u64,
    allocated: usize,
    peak: usize,
    /// Count and bytes of the copies of each [`Way`].
    copies: [(u64, usize); 3],
    free_at_first: usize,
}

impl Books {
    pub(crate) fn open(context: &CudaContext) -> Result<Self> {
        Ok(Self { free_at_first: context.mem_get_info()?.0, ..Self::default() })
    }

    pub(crate) fn alloc<T>(&mut self, slice: &CudaSlice<T>) -> &mut Self {
        self.allocs += 1;
        self.allocated += slice.num_bytes();
        self.peak = self.peak.max(self.allocated);
        self
    }

    pub(crate) fn free<T>(&mut self, slice: &CudaSlice<T>) -> &mut Self {
        self.frees += 1;
        self.allocated -= slice.num_bytes();
        self
    }

    pub(crate) fn copy<T>(&mut self, way: Way, slice: &CudaSlice<T>) -> &mut Self {
        let (count, bytes) = &mut self.copies[way as usize];
        (*count, *bytes) = (*count + 1, *bytes + slice.num_bytes());
        self
    }

    pub(crate) fn refused(&mut self, error: Option<DriverError>) {
        self.ooms += u64::from(error == Some(DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY)));
    }

    /// Prints them.
    pub(crate) fn close(&self, context: &CudaContext) -> Result<()> {
        let copies = |way: Way| {
            let (count, bytes) = self.copies[way as usize];
            json!({ "count": count, "bytes": bytes })
        };
        let books = json!({
            "device": context.name()?,
            "memory_pools": context.has_async_alloc(),
            "allocs": self.allocs,
            "frees": self.frees,
            "ooms": self.ooms,
            "peak_allocated_bytes": self.peak,
            "final_allocated_bytes": self.allocated,
            "host_to_device": copies(Way::In),
            "device_to_host": copies(Way::Out),
            "within_device": copies(Way::Within),
            "driver": {
                "pool_used_high_bytes": pool_used_high(context)?,
                "free_at_first_bytes": self.free_at_first,
                "free_at_last_bytes": context.mem_get_info()?.0,
            },
        });
        println!("{books}");
        Ok(())
    }
}

/// The most that the driver's pool has had in use, if the device has pools.
fn pool_used_high(context: &CudaContext) -> Result<Value> {
    if !context.has_async_alloc() {
        return Ok(Value::Null);
    }
    let mut high = 0_u64;
    // SAFETY: the device is that of a living context, the pool is its own, and the attribute is 64 bits wide.
    unsafe {
        let pool = device::get_default_mem_pool(context.cu_device())?;
        mem_pool::get_attribute(pool, CU_MEMPOOL_ATTR_USED_MEM_HIGH, (&raw mut high).cast())?;
    }
    Ok(high.into())
}
