//! Hands blocks from one thread to another through a place that both spin on, and has one of them at a time. The argument says how many.
//!
//! Nothing lies between one thread's event and the other's but the load that sees the place change: a processor may read its clock
//! before that.

use std::{
    env,
    hint::spin_loop,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use memtrace_tracer::{Address, Bytes, Heap, MemoryKind};

const BLOCK: Bytes = Bytes(512);

/// Where every block is: what is given back is handed out again, as allocators do.
const ADDRESS: u64 = 0x1000;

/// After so many looks the other thread may need the processor.
const LOOKS: u32 = 10_000;

fn main() {
    let blocks: u64 = env::args().nth(1).and_then(|count| count.parse().ok()).expect("a number of blocks");
    let pool = Heap::define("cuda:0", MemoryKind::Device, None).pool("", 0);
    // The block's address, or 0.
    let place = AtomicU64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..blocks {
                wait_until(|| place.load(Ordering::Acquire) == 0);
                pool.block_alloc(Address(ADDRESS), BLOCK, BLOCK);
                place.store(ADDRESS, Ordering::Release);
            }
        });
        scope.spawn(|| {
            for _ in 0..blocks {
                let mut address = 0;
                wait_until(|| {
                    address = place.load(Ordering::Acquire);
                    address != 0
                });
                pool.block_free(Address(address), BLOCK);
                place.store(0, Ordering::Release);
            }
        });
    });
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let mut looks = 0;
    while !is_so() {
        looks += 1;
        if looks % LOOKS == 0 {
            thread::yield_now();
        }
        spin_loop();
    }
}
