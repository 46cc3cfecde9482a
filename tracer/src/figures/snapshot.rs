//! Snapshots of a device's memory, and what lies between two.

use std::{
    fmt,
    time::{Duration, Instant},
};

use memtrace_format::Bytes;
use thiserror::Error;

use super::{
    AllocatorStatistics, ByteDifference, CachingAllocator, FigureError, reader::DeviceReader, trace,
};
use crate::sources::Context;

/// The memory of a device at an instant, in bytes.
///
/// ```
/// # use std::time::Instant;
/// use memtrace_tracer::{AllocatorStatistics, Bytes, MemorySnapshot};
///
/// # fn measure(free: u64, allocated: u64) -> MemorySnapshot {
/// #     let (free, total) = (Bytes(free << 30), Bytes(16 << 30));
/// #     let bytes = Bytes(allocated << 30);
/// #     let allocator = AllocatorStatistics { allocated: bytes, reserved: bytes, ..Default::default() };
/// #     MemorySnapshot { device: 0, free, total, allocator, taken: Instant::now() }
/// # }
/// # let (before, after) = (measure(15, 0), measure(12, 2));
/// // An engine measures: MemorySnapshot::measure(0, &allocator)?
/// let grown = after.since(&before)?;
/// assert_eq!(grown.allocated.0, 2 << 30);
/// assert_eq!(grown.non_allocator.0, 1 << 30);
/// println!("{before}\n{grown}");
/// # Ok::<(), memtrace_tracer::DifferentDevices>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemorySnapshot {
    /// The ordinal of the device.
    pub device: u16,
    /// What can be had. On an integrated device that is what the host has available, for the driver leaves out caches that
    /// could be dropped.
    pub free: Bytes,
    /// All of it.
    pub total: Bytes,
    /// What the engine's allocator says.
    pub allocator: AllocatorStatistics,
    /// When.
    pub taken: Instant,
}

/// What lies between two snapshots, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryDifference {
    /// The ordinal of the device.
    pub device: u16,
    /// The growth of what can be had.
    pub free: ByteDifference,
    /// The growth of the device.
    pub total: ByteDifference,
    /// The growth of what all processes use.
    pub used: ByteDifference,
    /// The growth of allocated bytes.
    pub allocated: ByteDifference,
    /// The growth of their peak.
    pub allocated_peak: ByteDifference,
    /// The growth of reserved bytes.
    pub reserved: ByteDifference,
    /// The growth of what is used beside the allocator.
    pub non_allocator: ByteDifference,
    /// The time from one to the other.
    pub time: Duration,
}

/// Two snapshots are of two devices, and nothing lies between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "a snapshot of device {earlier} and one of device {later} have no difference; take both of one device"
)]
pub struct DifferentDevices {
    /// The device of the earlier one.
    pub earlier: u16,
    /// The device of the later one.
    pub later: u16,
}

impl MemorySnapshot {
    /// Measures a device. If the process has no context on it, one is made for this instant. What the driver says is
    /// recorded too.
    ///
    /// # Errors
    ///
    /// There is no driver or no such device, or the driver does not say.
    pub fn measure(device: u16, allocator: &dyn CachingAllocator) -> Result<Self, FigureError> {
        let what = || FigureError::of(format!("the memory of device {device}"));
        let reader = DeviceReader::open(device).map_err(what())?;
        let memory =
            reader.memory(Context::AsItIs).or_else(|_| reader.memory(Context::MakeOne)).map_err(what())?;
        trace::record(device, &reader, &memory);
        let (free, total) = (memory.free(), memory.driver.total);
        Ok(Self { device, free, total, allocator: allocator.statistics(), taken: Instant::now() })
    }

    /// What all processes use.
    pub fn used(&self) -> Bytes {
        Bytes(self.total.0.saturating_sub(self.free.0))
    }

    /// What is used beside the allocator: contexts, libraries, other processes. Negative if the allocator believes to have more
    /// than is in use.
    pub fn non_allocator(&self) -> ByteDifference {
        ByteDifference::between(self.allocator.reserved, self.used())
    }

    /// What has changed since an earlier snapshot of the same device.
    ///
    /// # Errors
    ///
    /// They are of two devices.
    pub fn since(&self, earlier: &Self) -> Result<MemoryDifference, DifferentDevices> {
        if self.device != earlier.device {
            return Err(DifferentDevices { earlier: earlier.device, later: self.device });
        }
        let grown = |figure: fn(&Self) -> Bytes| ByteDifference::between(figure(earlier), figure(self));
        Ok(MemoryDifference {
            device: self.device,
            free: grown(|at| at.free),
            total: grown(|at| at.total),
            used: grown(Self::used),
            allocated: grown(|at| at.allocator.allocated),
            allocated_peak: grown(|at| at.allocator.allocated_peak),
            reserved: grown(|at| at.allocator.reserved),
            non_allocator: self.non_allocator() + -earlier.non_allocator(),
            time: self.taken.saturating_duration_since(earlier.taken),
        })
    }
}

impl fmt::Display for MemorySnapshot {
    /// In GiB.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AllocatorStatistics { allocated, allocated_peak, reserved, .. } = self.allocator;
        let [free, total, used, allocated, peak, reserved] =
            [self.free, self.total, self.used(), allocated, allocated_peak, reserved]
                .map(ByteDifference::from);
        write!(
            f,
            "device {}: {free} free of {total}, {used} used; allocated {allocated} (most {peak}), reserved {reserved}, \
             beside the allocator {}",
            self.device,
            self.non_allocator(),
        )
    }
}

impl fmt::Display for MemoryDifference {
    /// In GiB.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "device {}: free {:+}, used {:+}; allocated {:+} (most {:+}), reserved {:+}, beside the allocator {:+} in {:.3?}",
            self.device,
            self.free,
            self.used,
            self.allocated,
            self.allocated_peak,
            self.reserved,
            self.non_allocator,
            self.time,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(device: u16, free: u64, allocated: u64, reserved: u64) -> MemorySnapshot {
        let gib = |quarters: u64| Bytes(quarters << 28);
        let allocator = AllocatorStatistics {
            allocated: gib(allocated),
            allocated_peak: gib(allocated + 4),
            reserved: gib(reserved),
            ..AllocatorStatistics::default()
        };
        MemorySnapshot { device, free: gib(free), total: gib(64), allocator, taken: Instant::now() }
    }

    #[test]
    fn a_difference_may_be_negative() {
        let (before, after) = (snapshot(0, 40, 8, 12), snapshot(0, 44, 4, 14));
        let grown = after.since(&before).unwrap();
        assert_eq!(grown.free, ByteDifference(1 << 30));
        assert_eq!(grown.used, ByteDifference(-(1 << 30)));
        assert_eq!(grown.allocated, ByteDifference(-(1 << 30)));
        assert_eq!(grown.reserved, ByteDifference(1 << 29));
        assert_eq!(grown.non_allocator, ByteDifference(-(3 << 29)));
        assert_eq!(grown.total, ByteDifference(0));
    }

    #[test]
    fn two_devices_have_no_difference() {
        let error = snapshot(1, 1, 1, 1).since(&snapshot(0, 1, 1, 1)).unwrap_err();
        assert_eq!(error, DifferentDevices { earlier: 0, later: 1 });
        assert!(error.to_string().contains("device 0") && error.to_string().contains("device 1"));
    }

    #[test]
    fn both_are_shown_in_gib() {
        let (before, after) = (snapshot(0, 40, 8, 12), snapshot(0, 44, 4, 14));
        assert_eq!(
            before.to_string(),
            "device 0: 10.00 GiB free of 16.00 GiB, 6.00 GiB used; allocated 2.00 GiB (most 3.00 GiB), \
             reserved 3.00 GiB, beside the allocator 3.00 GiB"
        );
        let grown = after.since(&before).unwrap().to_string();
        assert!(
            grown.starts_with(
                "device 0: free +1.00 GiB, used -1.00 GiB; allocated -1.00 GiB (most -1.00 GiB), \
                 reserved +0.50 GiB, beside the allocator -1.50 GiB in "
            ),
            "{grown}"
        );
    }

    #[test]
    fn differences_do_not_overflow() {
        let most = ByteDifference::between(Bytes(0), Bytes(u64::MAX));
        assert_eq!(most, ByteDifference(i64::MAX));
        assert_eq!(ByteDifference::between(Bytes(u64::MAX), Bytes(0)), -most);
        assert_eq!(most + most, most);
    }
}
