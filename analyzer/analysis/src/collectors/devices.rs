//! Devices: what their heaps have together, and what the driver says of their memory.

use hashbrown::HashMap;
use memtrace_format::{
    CounterId, CounterValue, DeviceId, HeapDefinition, MemoryKind, SampledCounter as Counter,
};

use super::Ledger;
use crate::{
    Nanos,
    model::EventContext,
    model::{Balance, FreeSource},
    replay::{Level, ReplayHeap},
    source::Definitions,
};

/// The most devices that are told apart: how many there are is the file's choice, how much memory they take is ours.
const KEPT: usize = 256;

/// A place in the list of [`Devices`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DeviceIndex(u32);

/// Watches all devices. An engine and a sampler may each define a device: one ordinal is one device.
#[derive(Debug)]
pub(crate) struct Devices<'a> {
    definitions: &'a Definitions,
    /// The first one stands for none.
    list: Vec<DeviceWatch>,
    by_ordinal: HashMap<u32, DeviceIndex>,
    counters: HashMap<CounterId, Option<(Counter, DeviceIndex)>>,
    /// What of the host's memory can be had without swapping.
    host_available: Option<u64>,
    /// The device that each thread sampled last, by itself.
    sampled_by: Vec<Option<DeviceIndex>>,
}

/// Watches one device.
#[derive(Debug)]
pub(crate) struct DeviceWatch {
    pub(crate) ordinal: u32,
    /// Whether something happened in a heap of device memory.
    pub(crate) has_heap: bool,
    /// The heaps of device memory, together. Sums that no device can have wrap around.
    pub(crate) level: Level,
    pub(crate) active_peak: u64,
    pub(crate) reserved_peak: u64,
    /// The most allocated bytes since the latest border of a profile run, and of a forward or transfer.
    since_border: u64,
    since_move: u64,
    driver: DriverFigures,
    pub(crate) min_free: Option<u64>,
    pub(crate) ledger: Ledger,
}

/// What the driver said last.
#[derive(Clone, Copy, Debug, Default)]
struct DriverFigures {
    free: Option<u64>,
    total: Option<u64>,
    integrated: bool,
}

/// The memory of a device at an instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeviceSnapshot {
    pub(crate) time: Nanos,
    pub(crate) free: Option<u64>,
    pub(crate) total: Option<u64>,
    pub(crate) level: Level,
}

impl<'a> Devices<'a> {
    pub(crate) fn new(definitions: &'a Definitions, threads: usize) -> Self {
        Self {
            definitions,
            list: vec![DeviceWatch::new(0, 0)],
            by_ordinal: HashMap::new(),
            counters: HashMap::new(),
            host_available: None,
            sampled_by: vec![None; threads],
        }
    }

    /// The device whose memory the heap of this number in the replay is of.
    pub(crate) fn of_heap(&mut self, number: usize, heap: Option<&HeapDefinition>) -> DeviceIndex {
        let on_device = heap.filter(|heap| heap.memory_kind() == Some(MemoryKind::Device));
        let index = on_device.map_or(NONE, |heap| self.defined(DeviceId(heap.device)));
        let device = &mut self.list[index.0 as usize];
        device.has_heap = true;
        if index != NONE {
            device.ledger.add_heap(number);
        }
        index
    }

    #[inline(always)]
    pub(crate) fn watch(&mut self, index: DeviceIndex) -> &mut DeviceWatch {
        &mut self.list[index.0 as usize]
    }

    /// Every device, in the order of the ordinals.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &DeviceWatch> {
        let mut devices: Vec<_> = self.list[1..].iter().collect();
        devices.sort_unstable_by_key(|device| device.ordinal);
        devices.into_iter()
    }

    /// Every device, in no order.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut DeviceWatch> {
        self.list[1..].iter_mut()
    }

    /// Whether this is the device of that ordinal.
    pub(crate) fn is(&self, index: DeviceIndex, ordinal: u32) -> bool {
        self.by_ordinal.get(&ordinal) == Some(&index)
    }

    /// The ordinal of a device; none for what is of no device.
    pub(crate) fn ordinal(&self, index: DeviceIndex) -> Option<u32> {
        (index != NONE).then(|| self.list[index.0 as usize].ordinal)
    }

    /// What is in use on the device of this ordinal.
    pub(crate) fn active_on(&self, ordinal: u32) -> u64 {
        self.by_ordinal.get(&ordinal).map_or(0, |index| self.list[index.0 as usize].level.active)
    }

    /// A sample that a thread made, of what was while the heaps were so.
    pub(crate) fn sample(
        &mut self,
        now: EventContext,
        counter: CounterId,
        value: CounterValue,
        heaps: &[ReplayHeap],
    ) {
        let CounterValue::Integer(value) = value else { return };
        let Some((counter, index)) = self.meaning(counter) else { return };
        if index != NONE {
            self.sampled_by[now.thread] = Some(index);
        }
        let available = self.host_available;
        let device = self.watch(index);
        let (driver, ledger, time) = (&mut device.driver, &mut device.ledger, now.time);
        match counter {
            Counter::DriverFree => {
                driver.free = Some(value);
                let source = if driver.integrated { FreeSource::Host } else { FreeSource::Driver };
                let free = device.free(available).unwrap_or(value);
                device.ledger.sample_free(free, source, time, heaps);
            }
            Counter::DriverTotal => {
                driver.total = Some(value);
                return ledger.sample_total(value, time, heaps);
            }
            Counter::DriverIntegrated => driver.integrated = value != 0,
            Counter::NvmlUsed => return ledger.sample_used(value),
            Counter::NvmlFree => return ledger.sample_free(value, FreeSource::Nvml, time, heaps),
            Counter::PoolUsed => return ledger.sample_pool_used(value),
            Counter::PoolReserved => return ledger.sample_pool_reserved(value, time),
            Counter::OwnDeviceMemory => return ledger.sample_own(value, time, heaps),
            Counter::OtherDeviceMemory => return ledger.sample_others(value, time),
            _ => self.host_available = Some(value),
        }
        let available = self.host_available;
        for device in &mut self.list[1..] {
            device.note_free(available);
        }
    }

    /// A device's memory at this instant; `told` is what the engine says is free.
    pub(crate) fn balance(
        &self,
        index: DeviceIndex,
        now: Nanos,
        heaps: &[ReplayHeap],
        told: Option<u64>,
    ) -> Option<Balance> {
        (index != NONE).then(|| self.list[index.0 as usize].ledger.balance(now, heaps, told))
    }

    /// The device that the thread sampled last, or the only one there is.
    pub(crate) fn in_use_by(&self, thread: usize) -> Option<DeviceIndex> {
        let only = (self.list.len() == 2).then_some(DeviceIndex(1));
        self.sampled_by.get(thread).copied().flatten().or(only)
    }

    /// How a device is at this instant.
    pub(crate) fn snapshot(&self, index: DeviceIndex, time: Nanos) -> DeviceSnapshot {
        let device = &self.list[index.0 as usize];
        DeviceSnapshot {
            time,
            free: device.free(self.host_available),
            total: device.driver.total,
            level: device.level,
        }
    }

    /// What the driver says of a device's free memory at the end.
    pub(crate) fn free(&self, device: &DeviceWatch) -> Option<u64> {
        device.free(self.host_available)
    }

    /// Begins to count anew: devices are as full as they are, and the driver's latest words hold.
    pub(crate) fn reset_at(&mut self, now: Nanos, heaps: &[ReplayHeap]) {
        let available = self.host_available;
        for device in &mut self.list {
            device.ledger.reset_at(now, heaps);
            device.active_peak = device.level.active;
            device.reserved_peak = device.level.reserved;
            device.since_border = device.level.allocated;
            device.since_move = device.level.allocated;
            device.min_free = device.free(available);
        }
    }

    fn meaning(&mut self, id: CounterId) -> Option<(Counter, DeviceIndex)> {
        if let Some(&known) = self.counters.get(&id) {
            return known;
        }
        let definition = self.definitions.counter(id);
        let meaning = definition.and_then(|definition| {
            let counter = Counter::named(&definition.name)?;
            match counter {
                Counter::DriverFree
                | Counter::DriverTotal
                | Counter::DriverIntegrated
                | Counter::NvmlUsed
                | Counter::NvmlFree
                | Counter::PoolUsed
                | Counter::PoolReserved
                | Counter::OwnDeviceMemory
                | Counter::OtherDeviceMemory => {
                    let index = self.defined(DeviceId(definition.device));
                    (index != NONE).then_some((counter, index))
                }
                Counter::HostAvailable => Some((counter, NONE)),
                _ => None,
            }
        });
        self.counters.insert(id, meaning);
        meaning
    }

    fn defined(&mut self, id: DeviceId) -> DeviceIndex {
        let Some(device) = self.definitions.device(id) else { return NONE };
        if let Some(&index) = self.by_ordinal.get(&device.ordinal) {
            return index;
        }
        if self.list.len() > KEPT {
            return NONE;
        }
        let index = DeviceIndex(self.list.len() as u32);
        let mut watch = DeviceWatch::new(device.ordinal, self.list.len());
        watch.ledger.defined_total = device.total.filter(|&total| total > 0);
        self.list.push(watch);
        self.by_ordinal.insert(device.ordinal, index);
        index
    }
}

pub(super) const NONE: DeviceIndex = DeviceIndex(0);

impl DeviceWatch {
    fn new(ordinal: u32, number: usize) -> Self {
        Self {
            ordinal,
            ledger: Ledger::new(number),
            has_heap: false,
            level: Level::default(),
            active_peak: 0,
            reserved_peak: 0,
            since_border: 0,
            since_move: 0,
            driver: DriverFigures::default(),
            min_free: None,
        }
    }

    /// A heap of the device has gone from one level to another.
    #[inline(always)]
    pub(crate) fn follow(&mut self, before: Level, after: Level) {
        let sum = |all: u64, before: u64, after: u64| all.wrapping_sub(before).wrapping_add(after);
        self.level.allocated = sum(self.level.allocated, before.allocated, after.allocated);
        self.level.active = sum(self.level.active, before.active, after.active);
        self.level.reserved = sum(self.level.reserved, before.reserved, after.reserved);
        self.since_border = self.since_border.max(self.level.allocated);
        self.since_move = self.since_move.max(self.level.allocated);
        self.active_peak = self.active_peak.max(self.level.active);
        self.reserved_peak = self.reserved_peak.max(self.level.reserved);
    }

    /// The most allocated bytes since this was last asked.
    pub(crate) fn cross_border(&mut self) -> u64 {
        std::mem::replace(&mut self.since_border, self.level.allocated)
    }

    /// The most allocated bytes since this was last asked, at a border of forwards and transfers.
    pub(super) fn cross_move(&mut self) -> u64 {
        std::mem::replace(&mut self.since_move, self.level.allocated)
    }

    /// Whether its memory is the host's.
    pub(crate) fn is_integrated(&self) -> bool {
        self.driver.integrated
    }

    /// The driver's total.
    pub(crate) fn total(&self) -> Option<u64> {
        self.driver.total
    }

    /// What can be had of the device's memory. Where that is the host's, the driver leaves out caches that could be dropped.
    fn free(&self, host_available: Option<u64>) -> Option<u64> {
        let corrected = host_available.filter(|_| self.driver.integrated && self.driver.free.is_some());
        corrected.or(self.driver.free)
    }

    fn note_free(&mut self, host_available: Option<u64>) {
        let free = self.free(host_available);
        self.min_free = match (self.min_free, free) {
            (Some(least), Some(free)) => Some(least.min(free)),
            (least, free) => least.or(free),
        };
    }
}
