//! Calls by name, as the CUDA runtime finds them.

use std::ffi::{CStr, c_void};
use std::ptr;

use cudarc::driver::{CudaContext, result, sys};

use crate::process::on_the_driver;

/// What `cuGetProcAddress` gives and says for a name and a version.
fn look_up(name: &CStr, version: i32) -> (*mut c_void, i32, sys::CUresult) {
    let mut entry = ptr::dangling_mut();
    let mut status = sys::CUdriverProcAddressQueryResult::CU_GET_PROC_ADDRESS_SUCCESS;
    // SAFETY: the name ends with a zero byte and the places for the answers are there.
    let code = unsafe { sys::cuGetProcAddress_v2(name.as_ptr(), &mut entry, version, 0, &mut status) };
    (entry, status as i32, code)
}

on_the_driver! {
    fn a_base_name_finds_the_newest_form() {
        type Allocate = unsafe extern "C" fn(*mut sys::CUdeviceptr, usize) -> sys::CUresult;
        let _context = CudaContext::new(0).unwrap();
        let (entry, status, code) = look_up(c"cuMemAlloc", 3020);
        assert_eq!((status, code), (0, sys::CUresult::CUDA_SUCCESS));
        assert_eq!(look_up(c"cuMemAlloc", 12080).0, entry);
        let mut address = 0;
        // SAFETY: the entry is that of cuMemAlloc_v2, whose signature this is; the block is freed once.
        unsafe {
            let allocate: Allocate = std::mem::transmute(entry);
            allocate(&mut address, 4096).result().unwrap();
            result::free_sync(address).unwrap();
        }
    }

    fn what_is_not_there_is_said_not_to_be() {
        let not_found = sys::CUresult::CUDA_ERROR_NOT_FOUND;
        assert_eq!(look_up(c"cuModuleLoadData", 12080), (ptr::null_mut(), 1, not_found));
        assert_eq!(look_up(c"cuMemAlloc_v2", 12080), (ptr::null_mut(), 1, not_found));
        assert_eq!(look_up(c"cuMemAlloc", 3000), (ptr::null_mut(), 2, not_found));
        assert_ne!(look_up(c"cuGetProcAddress", 11030).0, look_up(c"cuGetProcAddress", 12000).0);
    }
}
