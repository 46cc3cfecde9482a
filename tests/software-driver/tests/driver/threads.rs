//! Threads: the books stay right, and a full device is full to the byte.

use std::sync::mpsc;
use std::thread;

use cudarc::driver::{CudaContext, CudaSlice, DriverError, sys};

use crate::process::on_the_driver;

on_the_driver! {
    fn threads_free_what_others_allocated(CAPACITY = "64MiB") {
        let context = CudaContext::new(0).unwrap();
        let (send, receive) = mpsc::channel::<(u8, CudaSlice<u8>)>();
        thread::scope(|scope| {
            for thread in 0..4_usize {
                let (send, context) = (send.clone(), &context);
                scope.spawn(move || {
                    let stream = context.new_stream().unwrap();
                    for round in 0..200 {
                        let value = (thread * 60 + round) as u8;
                        let host = vec![value; 1 + (thread * 7919 + round * 104_729) % 60_000];
                        send.send((value, stream.clone_htod(&host).unwrap())).unwrap();
                    }
                });
            }
            drop(send);
            for (value, block) in receive {
                let back = block.stream().clone_dtoh(&block).unwrap();
                assert!(back.iter().all(|byte| *byte == value));
            }
        });
        context.check_err().unwrap();
        assert_eq!(context.mem_get_info().unwrap(), (64 << 20, 64 << 20));
    }

    fn threads_together_get_the_capacity_and_no_more(CAPACITY = "8MiB", MEMORY_POOLS = "0") {
        let context = CudaContext::new(0).unwrap();
        let blocks: Vec<CudaSlice<u8>> = thread::scope(|scope| {
            let fill = || {
                let stream = context.default_stream();
                let mut blocks = Vec::new();
                loop {
                    match stream.alloc_zeros::<u8>(8192) {
                        Ok(block) => blocks.push(block),
                        Err(DriverError(sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY)) => return blocks,
                        Err(other) => panic!("{other}"),
                    }
                }
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(fill)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(blocks.len(), 1024);
        assert_eq!(context.mem_get_info().unwrap().0, 0);
    }
}
