//! Faults: the call that was named fails, as it was told, and no other.

use cudarc::driver::{CudaContext, DriverError, result, sys};

use crate::process::on_the_driver;

on_the_driver! {
    fn the_named_calls_fail(
        MEMORY_POOLS = "0",
        FAULTS = "cuMemAlloc_v2:2=2,cuMemcpyHtoDAsync_v2:1=700,cuMemGetInfo_v2:2+=999",
    ) {
        let context = CudaContext::new(0).unwrap();
        let stream = context.default_stream();
        let mut block = stream.alloc_zeros::<u8>(64).unwrap();
        let full = DriverError(sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY);
        assert_eq!(stream.alloc_zeros::<u8>(64).unwrap_err(), full);
        stream.alloc_zeros::<u8>(64).unwrap();

        let illegal = DriverError(sys::CUresult::CUDA_ERROR_ILLEGAL_ADDRESS);
        assert_eq!(stream.memcpy_htod(&[1_u8; 64], &mut block), Err(illegal));
        assert_eq!(stream.clone_dtoh(&block).unwrap(), [0; 64], "a call that fails does nothing");
        stream.memcpy_htod(&[1_u8; 64], &mut block).unwrap();

        let unknown = DriverError(sys::CUresult::CUDA_ERROR_UNKNOWN);
        assert_eq!(context.mem_get_info().unwrap().0, (1 << 30) - 512);
        assert_eq!(context.mem_get_info(), Err(unknown));
        assert_eq!(context.mem_get_info(), Err(unknown));
    }

    fn initialisation_can_fail_once(FAULTS = "cuInit:1=802") {
        assert_eq!(result::init(), Err(DriverError(sys::CUresult::CUDA_ERROR_SYSTEM_NOT_READY)));
        assert_eq!(result::init(), Ok(()));
    }

    fn a_fault_in_a_call_that_does_not_exist_is_a_mistake(FAULTS = "cuMemAllocate:1=2") {
        assert_eq!(result::init(), Err(DriverError(sys::CUresult::CUDA_ERROR_INVALID_VALUE)));
    }

    fn errors_have_names() {
        let error = DriverError(sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY);
        assert_eq!(error.error_name().unwrap(), c"CUDA_ERROR_OUT_OF_MEMORY");
        assert_eq!(error.error_string().unwrap(), c"out of memory");
    }
}
