//! Uses CUDA devices as its arguments say, and marks what the driver tells it meanwhile.
//!
//! ```text
//! sampled STEP…     load                 has the driver loaded, no more
//!                   init                 has it initialised
//!                   hold:DEVICE:MIB      allocates on a device, and marks `device N` with the bytes that are free then
//!                   rest:MS              does nothing for a while
//!                   active               prints whether the first device has a primary context
//! ```
//!
//! Before the free bytes of a device change, there is a mark `change N`.

use std::{env, mem, thread, time::Duration};

use cudarc::driver::{CudaContext, result, sys};
use memtrace_tracer::Name;

fn main() {
    let mut held = Vec::new();
    for step in env::args().skip(1) {
        let mut words = step.split(':');
        let what = words.next().unwrap_or_default();
        let mut number = || words.next().and_then(|word| word.parse::<usize>().ok()).expect("a number");
        match what {
            // SAFETY: the name ends with a zero, and nothing is called.
            "load" => assert!(!unsafe { libc::dlopen(c"libcuda.so.1".as_ptr(), libc::RTLD_NOW) }.is_null()),
            "init" => result::init().expect("the driver can be initialised"),
            "hold" => {
                let (device, mebibytes) = (number(), number());
                Name::intern(&format!("change {device}")).mark();
                let context = CudaContext::new(device).expect("the device is there");
                held.push(context.default_stream().alloc_zeros::<u8>(mebibytes << 20).expect("it has room"));
                let (free, _) = context.mem_get_info().expect("it says what is free");
                Name::intern(&format!("device {device}")).mark_with(free as u64);
            }
            "rest" => thread::sleep(Duration::from_millis(number() as u64)),
            "active" => {
                let (mut flags, mut active) = (0, 0);
                // SAFETY: both places can be written to.
                unsafe { sys::cuDevicePrimaryCtxGetState(0, &raw mut flags, &raw mut active) }
                    .result()
                    .expect("the driver is initialised");
                println!("{active}");
            }
            _ => panic!("{step}: no such step"),
        }
    }
    // What is held stays so to the end, and for the last sample.
    mem::forget(held);
}
