//! The parts that a run works with: the device, the host's memory, the moves between them, and the books.

use std::sync::Arc;
use std::time::Duration;

use crate::books::{Books, Report, RunReport};
use crate::device::Device;
use crate::driver::Driver;
use crate::host_memory::HostMemory;
use crate::recording::{Place, Swapper};

/// Shared by every thread of the engine.
pub(crate) struct Machine {
    pub(crate) device: Arc<Device>,
    pub(crate) host: Arc<HostMemory>,
    /// Where weights wait: the host's memory, or page-locked memory.
    pub(crate) home: Arc<HostMemory>,
    pub(crate) swapper: Swapper,
    pub(crate) books: Books,
    /// How long every forward computes at least.
    compute: Duration,
}

impl Machine {
    pub(crate) fn new(driver: Arc<dyn Driver>, pinned: bool, compute: Duration) -> Arc<Machine> {
        let host = HostMemory::pageable();
        let home = if pinned { HostMemory::pinned(&driver) } else { Arc::clone(&host) };
        let swapper = Swapper::new(home.place(), Place::Device(driver.ordinal()));
        let device = Device::new(driver);
        Arc::new(Machine { device, host, home, swapper, books: Books::default(), compute })
    }

    /// What stands for a forward's arithmetic.
    pub(crate) fn compute(&self) {
        if !self.compute.is_zero() {
            std::thread::sleep(self.compute);
        }
    }

    pub(crate) fn report(&self, run: RunReport) -> Report {
        let (device, heap) = self.device.report();
        let mut heaps = vec![heap, self.host.report()];
        if !Arc::ptr_eq(&self.home, &self.host) {
            heaps.push(self.home.report());
        }
        self.books.report(run, device, heaps)
    }
}
