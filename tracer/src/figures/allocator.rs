//! Figures that an engine's caching allocator reports of itself.

use memtrace_format::Bytes;

/// An engine's caching allocator for one device, as the figures need it. All of it is called on the thread that asks for
/// figures, and [`statistics`](Self::statistics) on a monitor's thread as well.
pub trait CachingAllocator: Send + Sync {
    /// Its sums, now and at most.
    fn statistics(&self) -> AllocatorStatistics;

    /// Sets each peak back to the sum of this instant.
    fn reset_peaks(&self);

    /// Gives cached segments that hold no block back to the driver, once the device is done with them. Returns how much.
    fn release_cached(&self) -> Bytes;
}

/// The sums of a caching allocator in bytes, now and at most since its peaks were set back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllocatorStatistics {
    /// Blocks handed out.
    pub allocated: Bytes,
    /// The most of them.
    pub allocated_peak: Bytes,
    /// Blocks handed out, and freed ones that a stream still uses.
    pub active: Bytes,
    /// The most of them.
    pub active_peak: Bytes,
    /// Segments.
    pub reserved: Bytes,
    /// The most of them.
    pub reserved_peak: Bytes,
}
