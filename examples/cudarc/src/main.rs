//! The smallest engine on cudarc that memtrace records: it loads two modules, runs one, and moves it out and in again.
//!
//! ```sh
//! MEMTRACE_FILE=run.trace cargo run --release -p cudarc-example
//! memtrace analyze run.trace
//! ```
//!
//! It prints books of its own as JSON, which know nothing of memtrace.

mod books;

use anyhow::{Context, Result, ensure};
use cudarc::driver::{CudaContext, sys};
use memtrace_cudarc::TracedDevice;
use memtrace_tracer::{self as memtrace, Bytes, Module, Reason};

use books::{Books, Way};

/// The weights of a module: 4 MiB.
const WEIGHTS: usize = 1 << 20;
/// What a forward allocates, twice: 1 MiB.
const ACTIVATIONS: usize = 1 << 18;
/// More than any device has.
const TOO_MUCH: usize = 1 << 50;

fn main() -> Result<()> {
    // SAFETY: it only tries to open the library. Every other call panics where there is none.
    ensure!(unsafe { sys::is_culib_present() }, "there is no libcuda on this machine");
    let context = CudaContext::new(0).context("no CUDA device can be used")?;
    let mut books = Books::open(&context)?;

    let stream = TracedDevice::define(&context)?.stream(context.default_stream()).timed();
    let define = |name| Module::define(name, None, Bytes((WEIGHTS * size_of::<f32>()) as u64), None);
    let (text, unet) = (define("text"), define("unet"));
    let weights = vec![0.5_f32; WEIGHTS];

    let encoder = stream.moving(text, Reason::Demand).clone_htod(&weights)?;
    books.alloc(&encoder).copy(Way::In, &encoder);
    let mut denoiser = stream.moving(unet, Reason::Demand).clone_htod(&weights)?;
    books.alloc(&denoiser).copy(Way::In, &denoiser);

    for _step in 0..3 {
        let _step = memtrace::phase!("step");
        let _forward = unet.forward();
        let activations = stream.alloc_zeros::<f32>(ACTIVATIONS)?;
        books.alloc(&activations);
        let image = stream.clone_dtod(&activations)?;
        books.alloc(&image).copy(Way::Within, &image);
        let pixels = stream.clone_dtoh(&image)?;
        books.copy(Way::Out, &image).free(&image).free(&activations);
        ensure!(pixels.iter().all(|&pixel| pixel == 0.0), "zeros went out as something else");
    }

    let evicted = stream.moving(unet, Reason::Capacity).clone_dtoh(&denoiser)?;
    books.copy(Way::Out, &denoiser);
    stream.synchronize()?;
    ensure!(evicted == weights, "the weights came back as something else");
    stream.moving(unet, Reason::Demand).memcpy_htod(&evicted, &mut denoiser)?;
    books.copy(Way::In, &denoiser);

    books.refused(stream.alloc_zeros::<u8>(TOO_MUCH).err());
    books.free(&encoder).free(&denoiser);
    drop((encoder, denoiser));
    stream.synchronize()?;
    books.close(&context)
}
