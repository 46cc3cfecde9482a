//! Measures the memory that an engine needs beside its cache: its weights, the most that a run allocates, and what libraries take.

use std::{fmt, time::Duration};

use memtrace_format::{Bytes, well_known};

use super::{ByteDifference, CachingAllocator, FigureError, MemorySnapshot};
use crate::{Name, Scope};

/// Weights are being loaded, in a phase of the log.
#[must_use = "the phase ends when this is dropped, and `end` says what was loaded"]
pub struct WeightsLoading<'a> {
    allocator: &'a dyn CachingAllocator,
    before: MemorySnapshot,
    phase: Scope,
}

/// What loading weights took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightsMemory {
    /// The device before they were loaded: the baseline of a profile run.
    pub baseline: MemorySnapshot,
    /// The growth of allocated bytes.
    pub weights_memory: ByteDifference,
}

/// A profile run under way, in a phase of the log.
#[must_use = "the phase ends when this is dropped, and `end` says what was found"]
pub struct MemoryProfiling<'a> {
    allocator: &'a dyn CachingAllocator,
    before_create: MemorySnapshot,
    weights_memory: ByteDifference,
    before_profile: MemorySnapshot,
    phase: Scope,
}

/// What a profile run found, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryProfile {
    /// What the engine needs beside its cache: the sum of the next three.
    pub non_kv_cache_memory: ByteDifference,
    /// The weights, as they were said.
    pub weights_memory: ByteDifference,
    /// The most allocated bytes during the run, beyond those at its beginning.
    pub allocator_peak_increase: ByteDifference,
    /// The growth of what is used beside the allocator, from the baseline to the end of the run.
    pub non_allocator_increase: ByteDifference,
    /// How long the run took.
    pub profile_time: Duration,
    /// The device before the engine took anything: the baseline.
    pub before_create: MemorySnapshot,
    /// The device when the run began.
    pub before_profile: MemorySnapshot,
    /// The device when the run had ended and caches were released.
    pub after_profile: MemorySnapshot,
}

/// Measures a device and begins to load weights to it.
///
/// # Errors
///
/// The device cannot be measured: see [`MemorySnapshot::measure`].
pub fn weights_loading(
    device: u16,
    allocator: &dyn CachingAllocator,
) -> Result<WeightsLoading<'_>, FigureError> {
    let before = MemorySnapshot::measure(device, allocator)?;
    Ok(WeightsLoading { allocator, before, phase: Name::intern(well_known::WEIGHTS_PHASE).phase() })
}

impl WeightsLoading<'_> {
    /// They are loaded.
    ///
    /// # Errors
    ///
    /// The device cannot be measured any more.
    pub fn end(self) -> Result<WeightsMemory, FigureError> {
        let after = MemorySnapshot::measure(self.before.device, self.allocator)?;
        drop(self.phase);
        let [before, after] = [self.before, after].map(|at| at.allocator.allocated);
        Ok(WeightsMemory { baseline: self.before, weights_memory: ByteDifference::between(before, after) })
    }
}

/// Begins a profile run: releases caches, sets the allocator's peaks back and measures.
///
/// `baseline` is the device before this engine took anything of it, and `weights_memory` what its weights took of the
/// allocator since, both as [`weights_loading`] gives them. The log then tells the same figures by itself.
///
/// ```no_run
/// use memtrace_tracer::{self as memtrace, AllocatorStatistics, Bytes, CachingAllocator};
///
/// struct Engine;
///
/// impl CachingAllocator for Engine {
///     fn statistics(&self) -> AllocatorStatistics {
///         AllocatorStatistics::default() // What the engine counts.
///     }
///     fn reset_peaks(&self) {}
///     fn release_cached(&self) -> Bytes {
///         Bytes(0)
///     }
/// }
///
/// let allocator = Engine;
/// let loading = memtrace::weights_loading(0, &allocator)?;
/// // Load the weights.
/// let weights = loading.end()?;
///
/// let profiling = memtrace::memory_profiling(weights.baseline, weights.weights_memory, &allocator)?;
/// // Run with the largest input.
/// let profile = profiling.end()?;
/// println!("{profile}");
/// # Ok::<(), memtrace::FigureError>(())
/// ```
///
/// # Errors
///
/// The device cannot be measured: see [`MemorySnapshot::measure`].
pub fn memory_profiling(
    baseline: MemorySnapshot,
    weights_memory: impl Into<ByteDifference>,
    allocator: &dyn CachingAllocator,
) -> Result<MemoryProfiling<'_>, FigureError> {
    let Bytes(_) = allocator.release_cached();
    allocator.reset_peaks();
    let before_profile = MemorySnapshot::measure(baseline.device, allocator)?;
    Ok(MemoryProfiling {
        allocator,
        before_create: baseline,
        weights_memory: weights_memory.into(),
        before_profile,
        phase: Name::intern(well_known::PROFILE_PHASE).phase(),
    })
}

impl MemoryProfiling<'_> {
    /// The run is over: releases caches and measures.
    ///
    /// # Errors
    ///
    /// The device cannot be measured any more.
    pub fn end(self) -> Result<MemoryProfile, FigureError> {
        let Bytes(_) = self.allocator.release_cached();
        let after_profile = MemorySnapshot::measure(self.before_profile.device, self.allocator)?;
        drop(self.phase);
        Ok(MemoryProfile::of(self.before_create, self.weights_memory, self.before_profile, after_profile))
    }
}

impl MemoryProfile {
    fn of(
        before_create: MemorySnapshot,
        weights_memory: ByteDifference,
        before_profile: MemorySnapshot,
        after_profile: MemorySnapshot,
    ) -> Self {
        let [before, after] = [before_profile, after_profile].map(|at| at.allocator.allocated_peak);
        let allocator_peak_increase = ByteDifference::between(before, after);
        let non_allocator_increase = after_profile.non_allocator() + -before_create.non_allocator();
        Self {
            non_kv_cache_memory: weights_memory + allocator_peak_increase + non_allocator_increase,
            weights_memory,
            allocator_peak_increase,
            non_allocator_increase,
            profile_time: after_profile.taken.saturating_duration_since(before_profile.taken),
            before_create,
            before_profile,
            after_profile,
        }
    }
}

impl fmt::Display for MemoryProfile {
    /// In GiB.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} needed beside the cache: {} weights, {} most allocated, {} beside the allocator; found out in {:.2?}",
            self.non_kv_cache_memory,
            self.weights_memory,
            self.allocator_peak_increase,
            self.non_allocator_increase,
            self.profile_time,
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::AllocatorStatistics;

    /// A device of 16 GiB, in halves of a GiB.
    fn snapshot(others: u64, allocated: u64, peak: u64, beside: u64) -> MemorySnapshot {
        let gib = |halves: u64| Bytes(halves << 29);
        let allocator = AllocatorStatistics {
            allocated: gib(allocated),
            allocated_peak: gib(peak),
            reserved: gib(allocated),
            ..AllocatorStatistics::default()
        };
        let free = gib(32 - others - allocated - beside);
        MemorySnapshot { device: 0, free, total: gib(32), allocator, taken: Instant::now() }
    }

    /// The worked example that vLLM documents for its own profiling.
    #[test]
    fn the_worked_example_needs_five_gibibytes() {
        let before_create = snapshot(2, 0, 0, 0);
        let before_profile = snapshot(2, 4, 4, 1);
        let after_profile = snapshot(2, 6, 8, 2);
        let weights = ByteDifference(2 << 30);
        let profile = MemoryProfile::of(before_create, weights, before_profile, after_profile);
        assert_eq!(profile.allocator_peak_increase, ByteDifference(2 << 30));
        assert_eq!(profile.non_allocator_increase, ByteDifference(1 << 30));
        assert_eq!(profile.non_kv_cache_memory, ByteDifference(5 << 30));
        let text = profile.to_string();
        assert!(
            text.starts_with("5.00 GiB needed beside the cache: 2.00 GiB weights, 2.00 GiB most"),
            "{text}"
        );
    }
}
