//! Records what an engine's memory does into a memtrace log, at a cost nobody notices.
//!
//! ```
//! use memtrace_tracer::{self as memtrace, Address, Bytes, Heap, MemoryKind, Module, Tier};
//!
//! memtrace::engine("my engine", "1.0");
//! let pool = Heap::define("cuda:0", MemoryKind::Device, None).pool("large", 0);
//! let unet = Module::define("unet", None, Bytes(3 << 30), None);
//!
//! let _job = memtrace::phase!("job");
//! {
//!     let _transfer = unet.transfer(Tier::Host, Tier::Device(0), Bytes(3 << 30)).begin();
//!     pool.block_alloc(Address(0x7f00_0000_0000), Bytes(3 << 30), Bytes(3 << 30));
//! }
//! let _forward = unet.forward();
//! ```
//!
//! Recording is on if the environment variable `MEMTRACE_FILE` names a file when the process starts
//! (`run.%p.trace`: `%p` becomes the process id), and off otherwise: then each call above is a load and a branch.
//! The log is complete when the process exits, and readable whenever and however it dies.
//!
//! There is one recording a process. Handles ([`Heap`], [`Module`], …) are made while it is on; those made before name
//! nothing. Nothing here fails or blocks: what cannot be recorded is dropped and counted in the log, and a recording that
//! must stop says so once on stderr. A forked child does not record unless [`Options::follow_fork`] says so. The tracer does
//! not hook allocators or interpret what it is told.
//!
//! Meanwhile, threads of its own sample what devices and machine say of their memory, at the rates of [`Sampling`]; in forked
//! children that record, what the machine says alone.
#![cfg(target_os = "linux")]

mod name;

mod heap;

mod stack;

mod module;

mod transfer;

mod swapper;

mod counter;

mod binding;

mod allocator;

mod sampling;

#[cfg_attr(not(feature = "samples"), path = "no_sampler.rs")]
mod sampler;

#[cfg(feature = "samples")]
mod sources;

#[cfg(feature = "samples")]
mod figures;

mod options;

mod session;

mod lineage;

mod program;

mod fork;

mod cursor;

#[cfg(all(target_arch = "x86_64", not(loom)))]
mod own_place;

mod signals;

mod interruption;

mod bus_error;

mod thread_end;

mod main_thread;

mod clock;

mod state;

mod definitions;

mod losses;

mod message;

mod log;

mod ring;

mod sync;

/// The part without locks, in every order in which threads can meet.
#[cfg(all(test, loom))]
mod model;

pub use allocator::TracedAllocator;
pub use binding::{
    TransferId, enabled_or_counted, has_come_back, inside, lose, stack_place, watch_forks, without_handlers,
};
pub use counter::Counter;
#[cfg(feature = "samples")]
pub use figures::{
    AllocatorStatistics, ByteDifference, CachingAllocator, DifferentDevices, FigureError, MemoryDifference,
    MemoryMonitor, MemoryProfile, MemoryProfiling, MemorySnapshot, MonitorFigures, Pressure, Release,
    WeightsLoading, WeightsMemory, cpu_memory, max_shared_memory_per_block, memory_profiling,
    weights_loading,
};
pub use heap::{Device, Heap, Pool, Request};
pub use memtrace_format::{
    Address, Bytes, CounterId, DeviceId, DropCause, HeapId, HostMemory, MemoryKind, ModuleId, NameId, PoolId,
    Reason, SampleSource, StackId, Tier, Unit, well_known,
};
pub use module::{Forward, Module};
pub use name::{Name, Scope, Site};
pub use options::{DEFAULT_RING, Full, Mode, OptionError, Options};
pub use sampling::Sampling;
pub use session::{StartError, engine, finish, id_of_session, start, start_or_say};
pub use stack::{Frame, Stack};
pub use state::enabled;
pub use swapper::{Method, Swapper, Weights};
pub use transfer::{Transfer, TransferPlan};
