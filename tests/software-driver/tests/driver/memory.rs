//! Device memory: what fits, what is left, and what cannot be freed.

use cudarc::driver::{CudaContext, CudaSlice, DriverError, result, sys};

use crate::process::on_the_driver;

const INVALID: DriverError = DriverError(sys::CUresult::CUDA_ERROR_INVALID_VALUE);
const FULL: DriverError = DriverError(sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY);

/// Fills a device of 1 MiB to the last byte, one block of 512 bytes after another, and empties it.
fn fill_to_the_last_byte(pools: bool) {
    let context = CudaContext::new(0).unwrap();
    assert_eq!(context.has_async_alloc(), pools);
    let stream = context.default_stream();
    let mut blocks: Vec<CudaSlice<u8>> = Vec::new();
    for taken in 0..2048 {
        assert_eq!(context.mem_get_info().unwrap(), ((2048 - taken) * 512, 1 << 20));
        blocks.push(stream.alloc_zeros(512).unwrap());
    }
    assert_eq!(stream.alloc_zeros::<u8>(1).unwrap_err(), FULL);
    drop(blocks.swap_remove(1000));
    assert_eq!(stream.alloc_zeros::<u8>(513).unwrap_err(), FULL);
    blocks.push(stream.alloc_zeros(512).unwrap());
    drop(blocks);
    assert_eq!(context.mem_get_info().unwrap(), (1 << 20, 1 << 20));
    // No fragmentation: what is free can always be had in one piece.
    stream.alloc_zeros::<u8>(1 << 20).unwrap();
    context.check_err().unwrap();
}

on_the_driver! {
    fn a_device_with_pools_fills_exactly(CAPACITY = "1MiB", MEMORY_POOLS = "1") {
        fill_to_the_last_byte(true);
    }

    fn a_device_without_pools_fills_exactly(CAPACITY = "1MiB", MEMORY_POOLS = "0") {
        fill_to_the_last_byte(false);
    }

    fn what_others_hold_is_not_free(CAPACITY = "8MiB", FOREIGN_BYTES = "3MiB", CONTEXT_BYTES = "1MiB") {
        let context = CudaContext::new(0).unwrap();
        assert_eq!(context.mem_get_info().unwrap(), (4 << 20, 8 << 20));
        let stream = context.default_stream();
        assert_eq!(stream.alloc_zeros::<u8>((4 << 20) + 1).unwrap_err(), FULL);
        stream.alloc_zeros::<u8>(4 << 20).unwrap();
    }

    fn context_and_others_grow_with_each_copy_while_there_is_room(
        CAPACITY = "8MiB", CONTEXT_GROWTH = "2MiB", FOREIGN_GROWTH = "1MiB"
    ) {
        let context = CudaContext::new(0).unwrap();
        let stream = context.default_stream();
        let mut block = stream.alloc_zeros::<u8>(1 << 20).unwrap();
        for free in [7, 4, 1, 0] {
            assert_eq!(context.mem_get_info().unwrap(), (free << 20, 8 << 20));
            stream.memcpy_htod(&[1_u8], &mut block).unwrap();
        }
    }

    fn sizes_are_charged_in_granules(CAPACITY = "8MiB", GRANULARITY = "2MiB") {
        let context = CudaContext::new(0).unwrap();
        let stream = context.default_stream();
        let blocks: Vec<CudaSlice<u8>> = (0..4).map(|_| stream.alloc_zeros(1).unwrap()).collect();
        assert_eq!(context.mem_get_info().unwrap(), (0, 8 << 20));
        assert_eq!(stream.alloc_zeros::<u8>(1).unwrap_err(), FULL);
        drop(blocks);
        assert_eq!(context.mem_get_info().unwrap(), (8 << 20, 8 << 20));
    }

    fn only_a_live_block_can_be_freed() {
        let context = CudaContext::new(0).unwrap();
        // SAFETY: the blocks are never touched, and what is freed wrongly is refused.
        unsafe {
            let block = result::malloc_sync(4096).unwrap();
            assert_eq!(result::free_sync(block + 512), Err(INVALID));
            assert_eq!(result::free_sync(0xdead_0000), Err(INVALID));
            result::free_sync(block).unwrap();
            assert_eq!(result::free_sync(block), Err(INVALID));
            assert_eq!(result::free_async(block, std::ptr::null_mut()), Err(INVALID));
            result::free_sync(0).unwrap();
            assert_eq!(result::malloc_sync(4096), Ok(block));
        }
        assert_eq!(context.mem_get_info().unwrap().0, (1 << 30) - 4096);
    }

    fn impossible_sizes_are_refused() {
        let _context = CudaContext::new(0).unwrap();
        // SAFETY: nothing is allocated.
        unsafe {
            assert_eq!(result::malloc_sync(0), Err(INVALID));
            assert_eq!(result::malloc_sync(usize::MAX), Err(FULL));
            assert_eq!(result::malloc_async(std::ptr::null_mut(), usize::MAX - 511), Err(FULL));
            assert_eq!(sys::cuMemAlloc_v2(std::ptr::null_mut(), 512), INVALID.0);
        }
    }

    fn without_pools_the_stream_ordered_calls_are_not_supported(MEMORY_POOLS = "0") {
        let context = CudaContext::new(0).unwrap();
        let unsupported = DriverError(sys::CUresult::CUDA_ERROR_NOT_SUPPORTED);
        // SAFETY: nothing is allocated, and the device is one that was got.
        unsafe {
            assert_eq!(result::malloc_async(std::ptr::null_mut(), 512), Err(unsupported));
            assert_eq!(result::device::get_default_mem_pool(context.cu_device()), Err(unsupported));
        }
    }
}
