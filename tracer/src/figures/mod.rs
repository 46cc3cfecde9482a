//! Figures of a device for an engine to steer by, in the order in which one meets them: a monitor, snapshots, what a
//! profile run needs, what the machine has, and release under pressure.
//!
//! Two parties know a device's memory. The driver knows what is free, of all processes together. The engine's caching
//! allocator knows what it has reserved and handed out; the tracer keeps no totals of that, for the hot path has no room
//! for them, so an engine hands its allocator's statistics in as a [`CachingAllocator`].

mod allocator;

mod difference;

mod reader;

mod monitor;

mod snapshot;

mod profiling;

mod machine;

mod pressure;

mod trace;

pub use allocator::{AllocatorStatistics, CachingAllocator};
pub use difference::ByteDifference;
pub use machine::{cpu_memory, max_shared_memory_per_block};
pub use monitor::{MemoryMonitor, MonitorFigures};
pub use pressure::{Pressure, Release};
pub use profiling::{
    MemoryProfile, MemoryProfiling, WeightsLoading, WeightsMemory, memory_profiling, weights_loading,
};
pub use reader::FigureError;
pub use snapshot::{DifferentDevices, MemoryDifference, MemorySnapshot};
