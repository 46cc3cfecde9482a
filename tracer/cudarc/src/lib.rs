//! cudarc's streams and slices, recorded by memtrace: what an engine allocates, frees and copies.
//!
//! ```no_run
//! use cudarc::driver::CudaContext;
//! use memtrace_cudarc::TracedDevice;
//! use memtrace_tracer::{Bytes, Module, Reason};
//!
//! let context = CudaContext::new(0)?;
//! let stream = TracedDevice::define(&context)?.stream(context.default_stream());
//! let unet = Module::define("unet", None, Bytes(4096), None);
//!
//! let weights = stream.moving(unet, Reason::Demand).clone_htod(&vec![0.5_f32; 1024])?;
//! let activations = stream.alloc_zeros::<f32>(4096)?;
//! let copy = stream.clone_dtoh(&activations)?;
//! # Ok::<(), cudarc::driver::DriverError>(())
//! ```
//!
//! A [`TracedStream`] has cudarc's own methods and returns cudarc's own errors, and does nothing to the device that cudarc
//! would not do, unless [copies are timed](TracedStream::timed). A [`TracedSlice`] owns a `CudaSlice` and lends it for
//! everything else, kernels included. What cudarc allocates behind the wrapper's back is not seen.
//!
//! With memory pools (`cuMemAllocAsync`) an alloc and a free are recorded when the host asks for them; the device does them
//! in the order of the stream. What the driver's pool keeps is the driver's.

mod device;

mod stream;

mod slice;

mod host;

mod copies;

pub use device::TracedDevice;
pub use host::TracedHost;
pub use slice::TracedSlice;
pub use stream::TracedStream;
