//! Devices and contexts: who is there, and what ends with what.

use std::sync::{Arc, Barrier};
use std::thread;

use cudarc::driver::{CudaContext, DriverError, result, sys};

use crate::process::on_the_driver;

on_the_driver! {
    fn nothing_works_before_initialisation() {
        let error = DriverError(sys::CUresult::CUDA_ERROR_NOT_INITIALIZED);
        assert_eq!(result::device::get_count(), Err(error));
        assert_eq!(result::mem_get_info(), Err(error));
        assert_eq!(result::ctx::get_current(), Err(error));
    }

    fn no_device_unless_asked_for(DEVICES = "0") {
        assert_eq!(result::init(), Err(DriverError(sys::CUresult::CUDA_ERROR_NO_DEVICE)));
        assert_eq!(result::init(), Err(DriverError(sys::CUresult::CUDA_ERROR_NO_DEVICE)));
    }

    fn malformed_settings_stop_initialisation(CAPACITY = "much") {
        assert_eq!(result::init(), Err(DriverError(sys::CUresult::CUDA_ERROR_INVALID_VALUE)));
    }

    fn two_devices_differ(DEVICES = "2", CAPACITY = "3MiB", INTEGRATED = "1") {
        assert_eq!(CudaContext::device_count().unwrap(), 2);
        let devices = [CudaContext::new(0).unwrap(), CudaContext::new(1).unwrap()];
        assert_ne!(devices[0].name().unwrap(), devices[1].name().unwrap());
        assert_ne!(devices[0].uuid().unwrap().bytes, devices[1].uuid().unwrap().bytes);
        let integrated = sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_INTEGRATED;
        for device in &devices {
            assert_eq!(device.total_mem().unwrap(), 3 << 20);
            assert_eq!(device.attribute(integrated).unwrap(), 1);
        }
        let _block = devices[1].default_stream().alloc_zeros::<u8>(1 << 20).unwrap();
        assert_eq!(devices[0].mem_get_info().unwrap(), (3 << 20, 3 << 20));
        assert_eq!(devices[1].mem_get_info().unwrap(), (2 << 20, 3 << 20));
        assert_eq!(
            CudaContext::new(2).unwrap_err(),
            DriverError(sys::CUresult::CUDA_ERROR_INVALID_DEVICE)
        );
    }

    fn a_thread_has_no_context_until_it_is_bound() {
        let context = CudaContext::new(0).unwrap();
        thread::spawn(move || {
            let error = DriverError(sys::CUresult::CUDA_ERROR_INVALID_CONTEXT);
            assert_eq!(result::mem_get_info(), Err(error));
            context.bind_to_thread().unwrap();
            assert!(result::mem_get_info().is_ok());
        })
        .join()
        .unwrap();
    }

    fn the_last_release_ends_what_the_context_had(CAPACITY = "4MiB", CONTEXT_BYTES = "1MiB") {
        let context = CudaContext::new(0).unwrap();
        let again = CudaContext::new(0).unwrap();
        assert_eq!(context.mem_get_info().unwrap().0, 3 << 20);
        // SAFETY: the block is never touched.
        let block = unsafe { result::malloc_sync(1 << 20) }.unwrap();
        drop(context);
        assert_eq!(result::mem_get_info().unwrap().0, 2 << 20);
        drop(again);
        let destroyed = DriverError(sys::CUresult::CUDA_ERROR_CONTEXT_IS_DESTROYED);
        assert_eq!(result::mem_get_info(), Err(destroyed));
        // SAFETY: the driver refuses.
        assert_eq!(unsafe { result::free_sync(block) }, Err(destroyed));
        let anew = CudaContext::new(0).unwrap();
        assert_eq!(anew.mem_get_info().unwrap().0, 3 << 20);
    }

    fn a_destroyed_context_is_destroyed_for_all_threads() {
        let context = CudaContext::new_non_primary(0, 0).unwrap();
        let handle = context.cu_ctx() as usize;
        let bound = Arc::new(Barrier::new(2));
        let destroyed = Arc::new(Barrier::new(2));
        let other = thread::spawn({
            let (bound, destroyed) = (Arc::clone(&bound), Arc::clone(&destroyed));
            move || {
                // SAFETY: the context is alive until `destroyed`.
                unsafe { result::ctx::set_current(handle as sys::CUcontext) }.unwrap();
                bound.wait();
                destroyed.wait();
                let error = DriverError(sys::CUresult::CUDA_ERROR_CONTEXT_IS_DESTROYED);
                assert_eq!(result::ctx::synchronize(), Err(error));
            }
        });
        bound.wait();
        drop(context);
        assert_eq!(result::ctx::get_current(), Ok(None));
        destroyed.wait();
        other.join().unwrap();
        let error = DriverError(sys::CUresult::CUDA_ERROR_INVALID_CONTEXT);
        // SAFETY: the driver refuses a context that is gone.
        assert_eq!(unsafe { result::ctx::set_current(handle as sys::CUcontext) }, Err(error));
    }

    fn a_context_that_does_not_fit_is_refused(CAPACITY = "1MiB", FOREIGN_BYTES = "1MiB", CONTEXT_BYTES = "1") {
        let error = CudaContext::new(0).unwrap_err();
        assert_eq!(error, DriverError(sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY));
    }
}
