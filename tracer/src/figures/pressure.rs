//! Release under pressure, on devices whose memory is the host's.

use memtrace_format::{Bytes, well_known};

use super::{AllocatorStatistics, CachingAllocator, FigureError, reader::DeviceReader};
use crate::{Name, sources::MachineMemory};

/// When to release caches on a device whose memory is the host's: there the system runs short, and begins to swap, before a
/// request of the allocator fails and makes it release by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pressure {
    /// The part of the machine's memory that is in use, caches left out, from which on too little is available.
    pub threshold: f64,
    /// Less than this is not worth a release.
    pub least: Bytes,
}

impl Default for Pressure {
    /// From 80% on, 512 MiB at least.
    fn default() -> Self {
        Self { threshold: 0.8, least: Bytes(512 << 20) }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Release {
    /// The device has memory of its own, whose allocator releases by itself when a request fails.
    NotIntegrated,
    /// The allocator has cached too little.
    TooLittle {
        /// What it has reserved and not handed out.
        releasable: Bytes,
    },
    /// The machine has enough.
    NoPressure {
        /// What can be had without swapping.
        available: Bytes,
        /// All of its memory.
        total: Bytes,
    },
    /// The allocator has released this much, by its own account.
    Released(Bytes),
}

impl Pressure {
    /// Has the allocator release what it has cached, if the device's memory is the host's, the host is short of it, and
    /// it is worth it. The release is recorded as a mark, with what the allocator says it gave back.
    ///
    /// # Errors
    ///
    /// There is no driver or no such device, or the kernel does not say what is available.
    pub fn relieve(&self, device: u16, allocator: &dyn CachingAllocator) -> Result<Release, FigureError> {
        let what = || FigureError::of(format!("the pressure on device {device}"));
        let reader = DeviceReader::open(device).map_err(what())?;
        if !reader.is_integrated() {
            return Ok(Release::NotIntegrated);
        }
        let machine = reader.host().machine().map_err(what())?;
        if let Some(reason) = self.reason_not_to(allocator.statistics(), machine) {
            return Ok(reason);
        }
        let released = allocator.release_cached();
        Name::intern(well_known::RELEASED_MARK).mark_with(released.0);
        Ok(Release::Released(released))
    }

    fn reason_not_to(&self, allocator: AllocatorStatistics, machine: MachineMemory) -> Option<Release> {
        let releasable = Bytes(allocator.reserved.0.saturating_sub(allocator.allocated.0));
        let MachineMemory { available, total, .. } = machine;
        if releasable < self.least {
            Some(Release::TooLittle { releasable })
        } else if (total.0.saturating_sub(available.0) as f64) < self.threshold * total.0 as f64 {
            Some(Release::NoPressure { available, total })
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_are_released_when_it_is_worth_it_and_needed() {
        let mib = |count: u64| Bytes(count << 20);
        let allocator = |reserved, allocated| AllocatorStatistics {
            reserved: mib(reserved),
            allocated: mib(allocated),
            ..AllocatorStatistics::default()
        };
        let machine = |available| MachineMemory {
            total: mib(10_000),
            free: mib(0),
            available: mib(available),
            swap_used: mib(0),
        };
        let reason = |allocator, machine| Pressure::default().reason_not_to(allocator, machine);
        assert_eq!(reason(allocator(1000, 488), machine(2000)), None);
        assert_eq!(
            reason(allocator(1000, 489), machine(2000)),
            Some(Release::TooLittle { releasable: mib(511) })
        );
        let enough = Release::NoPressure { available: mib(2001), total: mib(10_000) };
        assert_eq!(reason(allocator(1000, 488), machine(2001)), Some(enough));
        // An allocator that has handed out more than it reserved has nothing to give.
        assert_eq!(reason(allocator(1, 2), machine(0)), Some(Release::TooLittle { releasable: mib(0) }));
    }
}
