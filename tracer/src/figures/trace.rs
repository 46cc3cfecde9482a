//! Records what is measured in the log, as the sampler's counters, so that a trace alone has the same figures.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use memtrace_format::{Bytes, SampledCounter};

use super::reader::{DeviceMemory, DeviceReader};
use crate::{Counter, Device, enabled};

/// The counters of one device.
#[derive(Clone, Copy)]
struct Counters {
    free: Counter,
    total: Counter,
    integrated: Counter,
    available: Counter,
}

/// Records what was read of a device, if recording is on.
pub(super) fn record(ordinal: u16, reader: &DeviceReader, memory: &DeviceMemory) {
    static COUNTERS: Mutex<Option<HashMap<u16, Counters>>> = Mutex::new(None);
    // NVML's figures are others.
    let Ok(device) = reader.driver() else { return };
    if !enabled() {
        return;
    }
    let counters = {
        let mut all = COUNTERS.lock().unwrap_or_else(PoisonError::into_inner);
        let all = all.get_or_insert_with(HashMap::new);
        *all.entry(ordinal).or_insert_with(|| {
            let name = device.name().unwrap_or_default();
            Counters::define(Device::define(ordinal, &name, Some(memory.driver.total)))
        })
    };
    counters.record(memory, reader.is_integrated());
}

impl Counters {
    fn define(device: Device) -> Self {
        let of = |counter: SampledCounter, device| Counter::define(counter.name(), counter.unit(), device);
        Self {
            free: of(SampledCounter::DriverFree, Some(device)),
            total: of(SampledCounter::DriverTotal, Some(device)),
            integrated: of(SampledCounter::DriverIntegrated, Some(device)),
            available: of(SampledCounter::HostAvailable, None),
        }
    }

    fn record(self, memory: &DeviceMemory, integrated: bool) {
        if let Some(Bytes(available)) = memory.available {
            self.available.record(available);
        }
        self.integrated.record(integrated.into());
        self.total.record(memory.driver.total.0);
        self.free.record(memory.driver.free.0);
    }
}
