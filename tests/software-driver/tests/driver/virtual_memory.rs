//! Memory that is made apart from its addresses: what is mapped can be copied over seams, and what is not cannot.

use cudarc::driver::{CudaContext, result, sys};
use sys::CUresult::{
    CUDA_ERROR_ALREADY_MAPPED as ALREADY_MAPPED, CUDA_ERROR_INVALID_VALUE as INVALID_VALUE,
    CUDA_ERROR_NOT_SUPPORTED as NOT_SUPPORTED, CUDA_ERROR_OUT_OF_MEMORY as OUT_OF_MEMORY,
    CUDA_SUCCESS as SUCCESS,
};

use crate::process::on_the_driver;

const PIECE: usize = 2 << 20;

fn properties(device: i32) -> sys::CUmemAllocationProp {
    // SAFETY: numbers and null pointers, of which zero is a value.
    let mut properties: sys::CUmemAllocationProp = unsafe { std::mem::zeroed() };
    properties.type_ = sys::CUmemAllocationType::CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location = location(device);
    properties
}

fn location(device: i32) -> sys::CUmemLocation {
    // SAFETY: numbers, of which zero is a value.
    let mut location: sys::CUmemLocation = unsafe { std::mem::zeroed() };
    location.type_ = sys::CUmemLocationType::CU_MEM_LOCATION_TYPE_DEVICE;
    location.id = device;
    location
}

fn reserve(bytes: usize) -> sys::CUdeviceptr {
    let mut address = 0;
    // SAFETY: the place is valid for a write.
    unsafe { sys::cuMemAddressReserve(&mut address, bytes, 0, 0, 0) }.result().unwrap();
    address
}

fn create(bytes: usize, device: i32) -> Result<sys::CUmemGenericAllocationHandle, sys::CUresult> {
    let mut memory = 0;
    // SAFETY: both places are valid.
    match unsafe { sys::cuMemCreate(&mut memory, bytes, &properties(device), 0) } {
        SUCCESS => Ok(memory),
        code => Err(code),
    }
}

fn map(address: sys::CUdeviceptr, bytes: usize, memory: sys::CUmemGenericAllocationHandle) -> sys::CUresult {
    // SAFETY: the driver refuses what is not reserved or is mapped already.
    unsafe { sys::cuMemMap(address, bytes, 0, memory, 0) }
}

fn allow(address: sys::CUdeviceptr, bytes: usize, device: i32) -> sys::CUresult {
    let wanted = sys::CUmemAccessDesc {
        location: location(device),
        flags: sys::CUmemAccess_flags::CU_MEM_ACCESS_FLAGS_PROT_READWRITE,
    };
    // SAFETY: it is one whole structure.
    unsafe { sys::cuMemSetAccess(address, bytes, &wanted, 1) }
}

fn write(address: sys::CUdeviceptr, bytes: &[u8]) -> sys::CUresult {
    // SAFETY: the driver refuses what is not a whole range of its own.
    unsafe { sys::cuMemcpyHtoD_v2(address, bytes.as_ptr().cast(), bytes.len()) }
}

fn read(address: sys::CUdeviceptr, bytes: usize) -> Vec<u8> {
    let mut there = vec![0; bytes];
    // SAFETY: there is room for as many bytes.
    unsafe { sys::cuMemcpyDtoH_v2(there.as_mut_ptr().cast(), address, bytes) }.result().unwrap();
    there
}

fn free(context: &CudaContext) -> usize {
    context.mem_get_info().unwrap().0
}

on_the_driver! {
    fn a_copy_goes_over_the_seam_of_two_mappings(CAPACITY = "16MiB") {
        let context = CudaContext::new(0).unwrap();
        let range = reserve(8 * PIECE);
        let pieces = [create(PIECE, 0).unwrap(), create(PIECE, 0).unwrap()];
        assert_eq!(free(&context), (16 << 20) - 2 * PIECE, "it is made, and mapped nowhere");
        assert_eq!(map(range, PIECE, pieces[0]), SUCCESS);
        assert_eq!(map(range, PIECE, pieces[1]), ALREADY_MAPPED);
        assert_eq!(map(range + PIECE as u64, PIECE, pieces[1]), SUCCESS);
        let seam = range + PIECE as u64 - 3;
        assert_eq!(write(seam, b"around"), INVALID_VALUE, "no device may use it yet");
        assert_eq!(allow(range, 2 * PIECE, 0), SUCCESS);
        assert_eq!(write(seam, b"around"), SUCCESS);
        assert_eq!(read(seam, 6), b"around");
        assert_eq!(write(range + 2 * PIECE as u64 - 3, b"beyond"), INVALID_VALUE, "there is nothing behind");

        // SAFETY: these are the driver's to refuse.
        unsafe {
            assert_eq!(sys::cuMemUnmap(range + PIECE as u64, PIECE / 2), INVALID_VALUE, "a part of a mapping");
            assert_eq!(sys::cuMemAddressFree(range, 8 * PIECE), INVALID_VALUE, "something is mapped there");
            assert_eq!(sys::cuMemRelease(pieces[1]), SUCCESS);
            assert_eq!(free(&context), (16 << 20) - 2 * PIECE, "it is mapped still");
            assert_eq!(sys::cuMemUnmap(range, 2 * PIECE), SUCCESS);
            assert_eq!(free(&context), (16 << 20) - PIECE, "the first is held still");
            assert_eq!(sys::cuMemRelease(pieces[0]), SUCCESS);
            assert_eq!(sys::cuMemRelease(pieces[0]), INVALID_VALUE);
            assert_eq!(sys::cuMemAddressFree(range, 8 * PIECE), SUCCESS);
        }
        assert_eq!(free(&context), 16 << 20);
    }

    fn the_same_memory_is_at_two_addresses_and_is_zero_when_made(CAPACITY = "16MiB") {
        let _context = CudaContext::new(0).unwrap();
        let range = reserve(2 * PIECE);
        let other = range + PIECE as u64;
        let memory = create(PIECE, 0).unwrap();
        for address in [range, other] {
            assert_eq!((map(address, PIECE, memory), allow(address, PIECE, 0)), (SUCCESS, SUCCESS));
        }
        assert_eq!(write(range + 100, b"one"), SUCCESS);
        assert_eq!(read(other + 100, 3), b"one");
        // SAFETY: both are mapped, and held once.
        unsafe {
            assert_eq!((sys::cuMemUnmap(range, 2 * PIECE), sys::cuMemRelease(memory)), (SUCCESS, SUCCESS));
        }
        let again = create(PIECE, 0).unwrap();
        assert_eq!((map(range, PIECE, again), allow(range, PIECE, 0)), (SUCCESS, SUCCESS));
        assert_eq!(read(range + 100, 3), [0; 3]);
    }

    fn a_device_runs_out_and_another_has_its_own(CAPACITY = "4MiB", DEVICES = "2") {
        let context = CudaContext::new(0).unwrap();
        let [first, _second] = [create(PIECE, 0), create(PIECE, 0)];
        assert_eq!(create(PIECE, 0), Err(OUT_OF_MEMORY));
        // SAFETY: nothing is mapped there.
        assert!(unsafe { result::malloc_sync(1 << 20) }.is_err(), "blocks and pieces share a device");
        let peer = create(PIECE, 1).unwrap();
        let range = reserve(PIECE);
        assert_eq!((map(range, PIECE, peer), allow(range, PIECE, 0)), (SUCCESS, SUCCESS));
        assert_eq!(write(range, b"there"), SUCCESS);
        let mut device = -1;
        let place: *mut i32 = &mut device;
        let ordinal = sys::CUpointer_attribute::CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL;
        // SAFETY: this attribute is 32 bits wide.
        unsafe { sys::cuPointerGetAttribute(place.cast(), ordinal, range) }.result().unwrap();
        assert_eq!(device, 1, "it is where its memory is");
        // SAFETY: it is held once.
        assert_eq!(unsafe { sys::cuMemRelease(first.unwrap()) }, SUCCESS);
        assert_eq!(free(&context), PIECE);
    }

    fn sizes_are_whole(CAPACITY = "16MiB") {
        let _context = CudaContext::new(0).unwrap();
        let mut granularity = 0;
        let option = sys::CUmemAllocationGranularity_flags::CU_MEM_ALLOC_GRANULARITY_MINIMUM;
        // SAFETY: both places are valid.
        unsafe { sys::cuMemGetAllocationGranularity(&mut granularity, &properties(0), option) }.result().unwrap();
        assert_eq!(granularity, PIECE);
        assert_eq!(create(PIECE + 512, 0), Err(INVALID_VALUE));
        let (range, memory) = (reserve(2 * PIECE), create(PIECE, 0).unwrap());
        assert_eq!(map(range + 512, PIECE, memory), INVALID_VALUE);
        assert_eq!(map(range, 2 * PIECE, memory), INVALID_VALUE, "more than was made");
        assert_eq!(map(range + 2 * PIECE as u64, PIECE, memory), INVALID_VALUE, "beyond what is reserved");
    }

    fn memory_goes_to_no_other_process(CAPACITY = "4MiB") {
        let _context = CudaContext::new(0).unwrap();
        let memory = create(PIECE, 0).unwrap();
        let file = sys::CUmemAllocationHandleType::CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
        let mut shared = -1;
        let place: *mut i32 = &mut shared;
        // SAFETY: there is room for a descriptor.
        let export = |memory| unsafe { sys::cuMemExportToShareableHandle(place.cast(), memory, file, 0) };
        assert_eq!((export(memory), export(memory + 1)), (NOT_SUPPORTED, INVALID_VALUE));
        assert_eq!(shared, -1);
        let mut brought = 0;
        // SAFETY: the place is valid for a write.
        let import = unsafe { sys::cuMemImportFromShareableHandle(&mut brought, std::ptr::null_mut(), file) };
        assert_eq!((import, brought), (NOT_SUPPORTED, 0));
    }
}
