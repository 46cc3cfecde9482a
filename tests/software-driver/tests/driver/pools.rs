//! The default memory pool: used, reserved, high-water marks, and what is kept.

use std::ffi::c_void;

use cudarc::driver::{CudaContext, result, sys};
use sys::CUmemPool_attribute::{
    CU_MEMPOOL_ATTR_RELEASE_THRESHOLD as THRESHOLD, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT as RESERVED,
    CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH as RESERVED_HIGH, CU_MEMPOOL_ATTR_USED_MEM_CURRENT as USED,
    CU_MEMPOOL_ATTR_USED_MEM_HIGH as USED_HIGH,
};

use crate::process::on_the_driver;

fn set(pool: sys::CUmemoryPool, attribute: sys::CUmemPool_attribute, mut value: u64) {
    let value: *mut u64 = &mut value;
    // SAFETY: these attributes are 64 bits wide.
    unsafe { sys::cuMemPoolSetAttribute(pool, attribute, value.cast::<c_void>()) }.result().unwrap();
}

fn figures(pool: sys::CUmemoryPool) -> [u64; 4] {
    [USED, USED_HIGH, RESERVED, RESERVED_HIGH].map(|attribute| {
        let mut value = u64::MAX;
        let place: *mut u64 = &mut value;
        // SAFETY: these attributes are 64 bits wide.
        unsafe { sys::cuMemPoolGetAttribute(pool, attribute, place.cast::<c_void>()) }.result().unwrap();
        value
    })
}

on_the_driver! {
    fn a_pool_keeps_what_its_threshold_says(CAPACITY = "1MiB") {
        let context = CudaContext::new(0).unwrap();
        let stream = context.default_stream();
        // SAFETY: the device is one that was got.
        let pool = unsafe { result::device::get_default_mem_pool(context.cu_device()) }.unwrap();
        assert_eq!(figures(pool), [0; 4]);

        drop(stream.alloc_zeros::<u8>(8192).unwrap());
        assert_eq!(figures(pool), [0, 8192, 0, 8192]);

        set(pool, THRESHOLD, 4096);
        drop(stream.alloc_zeros::<u8>(8192).unwrap());
        assert_eq!(figures(pool), [0, 8192, 4096, 8192]);
        assert_eq!(context.mem_get_info().unwrap().0, (1 << 20) - 4096);

        // What the pool keeps is the pool's alone.
        // SAFETY: nothing is allocated.
        assert!(unsafe { result::malloc_sync(1 << 20) }.is_err());
        let all = stream.alloc_zeros::<u8>(1 << 20).unwrap();
        assert_eq!(context.mem_get_info().unwrap().0, 0);
        drop(all);

        // SAFETY: the pool is the device's own.
        unsafe { sys::cuMemPoolTrimTo(pool, 0) }.result().unwrap();
        set(pool, USED_HIGH, 0);
        set(pool, RESERVED_HIGH, 0);
        assert_eq!(figures(pool), [0; 4]);
    }
}
