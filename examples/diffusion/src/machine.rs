//! What a run works with: the device, the host's memory, and the books.

use std::sync::Arc;

use crate::books::{Books, Report, RunReport};
use crate::device::Device;
use crate::driver::Driver;
use crate::host_memory::HostMemory;

/// Shared by every thread of the engine.
pub(crate) struct Machine {
    pub(crate) device: Arc<Device>,
    pub(crate) host: Arc<HostMemory>,
    pub(crate) books: Books,
}

impl Machine {
    pub(crate) fn new(driver: Arc<dyn Driver>) -> Arc<Machine> {
        Arc::new(Machine { device: Device::new(driver), host: HostMemory::new(), books: Books::default() })
    }

    pub(crate) fn report(&self, run: RunReport) -> Report {
        let (device, heap) = self.device.report();
        self.books.report(run, device, vec![heap, self.host.report()])
    }
}
