//! Copies and fills: the bytes arrive, and nothing outside a live block is touched.

use std::os::unix::process::ExitStatusExt;
use std::ptr;

use cudarc::driver::{CudaContext, DevicePtr, DriverError, result, sys};

use crate::process::{self, on_the_driver};

const INVALID: DriverError = DriverError(sys::CUresult::CUDA_ERROR_INVALID_VALUE);

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| (index * 31 % 251) as u8).collect()
}

fn there_and_back() {
    let context = CudaContext::new(0).unwrap();
    for stream in [context.default_stream(), context.new_stream().unwrap(), context.per_thread_stream()] {
        let sent = pattern(3_000_001);
        let first = stream.clone_htod(&sent).unwrap();
        let second = first.try_clone().unwrap();
        drop(first);
        assert_eq!(stream.clone_dtoh(&second).unwrap(), sent);
        assert_eq!(stream.clone_dtoh(&second.slice(7..4000)).unwrap(), sent[7..4000]);
    }
    context.check_err().unwrap();
    context.synchronize().unwrap();
}

on_the_driver! {
    fn bytes_come_back_with_pools(MEMORY_POOLS = "1") {
        there_and_back();
    }

    fn bytes_come_back_without_pools(MEMORY_POOLS = "0") {
        there_and_back();
    }

    fn bytes_cross_devices(DEVICES = "2") {
        let sent = pattern(100_000);
        let streams = [0, 1].map(|ordinal| CudaContext::new(ordinal).unwrap().default_stream());
        let source = streams[0].clone_htod(&sent).unwrap();
        let mut target = streams[1].alloc_zeros::<u8>(sent.len()).unwrap();
        streams[1].memcpy_dtod(&source, &mut target).unwrap();
        assert_eq!(streams[1].clone_dtoh(&target).unwrap(), sent);
    }

    fn pinned_memory_is_host_memory() {
        let context = CudaContext::new(0).unwrap();
        let stream = context.default_stream();
        let sent = pattern(5000);
        // SAFETY: every byte is written before it is read.
        let mut pinned = unsafe { context.alloc_pinned::<u8>(sent.len()) }.unwrap();
        pinned.as_mut_slice().unwrap().copy_from_slice(&sent);
        let block = stream.clone_htod(&pinned).unwrap();
        assert_eq!(stream.clone_dtoh(&block).unwrap(), sent);
        let address = pinned.as_ptr().unwrap().cast_mut().cast();
        drop(pinned);
        // SAFETY: the driver refuses what is not pinned.
        assert_eq!(unsafe { result::free_host(address) }, Err(INVALID));
    }

    fn a_copy_stays_inside_its_block() {
        let context = CudaContext::new(0).unwrap();
        let stream = context.default_stream();
        let block = stream.clone_htod(&pattern(1000)).unwrap();
        let _neighbour = stream.clone_htod(&pattern(1000)).unwrap();
        let (address, _guard) = block.device_ptr(&stream);
        let mut host = vec![0; 1001];
        // SAFETY: `host` is as long as it says; what is wrong with the device's side is refused.
        unsafe {
            assert_eq!(result::memcpy_dtoh_sync(&mut host, address), Err(INVALID));
            assert_eq!(result::memcpy_dtoh_sync(&mut host[..1000], address + 1), Err(INVALID));
            assert_eq!(result::memcpy_htod_sync(address - 1, &host[..1]), Err(INVALID));
            assert_eq!(result::memcpy_htod_sync(address + 1000, &host[..1]), Err(INVALID));
            assert_eq!(result::memset_d8_sync(address, 1, usize::MAX), Err(INVALID));
            assert_eq!(result::memcpy_dtoh_sync(&mut host[..999], address + 1), Ok(()));
        }
        assert_eq!(host[..999], pattern(1000)[1..]);
    }

    fn host_and_device_addresses_are_told_apart() {
        let context = CudaContext::new(0).unwrap();
        let stream = context.default_stream();
        let block = stream.alloc_zeros::<u8>(64).unwrap();
        let (address, _guard) = block.device_ptr(&stream);
        let mut host = [0_u8; 64];
        // SAFETY: `host` is 64 bytes; everything else is refused.
        unsafe {
            let taken_for_device = host.as_mut_ptr() as sys::CUdeviceptr;
            assert_eq!(result::memcpy_htod_sync(taken_for_device, &host), Err(INVALID));
            let taken_for_host = ptr::with_exposed_provenance(address as usize);
            assert_eq!(sys::cuMemcpyHtoD_v2(address, taken_for_host, 64), INVALID.0);
            assert_eq!(sys::cuMemcpyHtoD_v2(address, ptr::null(), 64), INVALID.0);
            sys::cuMemcpy(address, taken_for_device, 64).result().unwrap();
        }
    }

    fn a_freed_block_is_gone() {
        let context = CudaContext::new(0).unwrap();
        let stream = context.default_stream();
        let block = stream.alloc_zeros::<u8>(64).unwrap();
        let address = block.device_ptr(&stream).0;
        drop(block);
        // SAFETY: the driver refuses the address.
        assert_eq!(unsafe { result::memcpy_dtoh_sync(&mut [0_u8; 1], address) }, Err(INVALID));
    }

    fn fills_repeat_their_value() {
        let context = CudaContext::new(0).unwrap();
        let stream = context.default_stream();
        let block = stream.clone_htod(&[7_u8; 64]).unwrap();
        let (address, _guard) = block.device_ptr(&stream);
        // SAFETY: the fills that are not refused stay inside the block.
        unsafe {
            sys::cuMemsetD32_v2(address + 4, 0x0403_0201, 2).result().unwrap();
            sys::cuMemsetD16_v2(address + 12, 0x0605, 1).result().unwrap();
            assert_eq!(sys::cuMemsetD32_v2(address + 2, 0, 1), INVALID.0);
            assert_eq!(sys::cuMemsetD32_v2(address, 0, 17), INVALID.0);
        }
        let expected = [7, 7, 7, 7, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 7];
        assert_eq!(stream.clone_dtoh(&block).unwrap()[..16], expected);
    }
}

#[test]
fn a_device_address_cannot_be_looked_behind() {
    let test = concat!(module_path!(), "::a_device_address_cannot_be_looked_behind");
    let output = process::run(test, &[], || {
        let stream = CudaContext::new(0).unwrap().default_stream();
        let block = stream.alloc_zeros::<u8>(64).unwrap();
        let address = block.device_ptr(&stream).0;
        println!("looking");
        // SAFETY: none; it shall crash.
        unsafe { ptr::with_exposed_provenance::<u8>(address as usize).read_volatile() };
    });
    if let Some(output) = output {
        assert!(String::from_utf8_lossy(&output.stdout).contains("looking"));
        assert_eq!(output.status.signal(), Some(11), "a segmentation fault is what must happen");
    }
}
