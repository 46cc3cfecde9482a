//! Modules and their transfers: each end of a transfer is brought together here and handed to the analyses it concerns.

use std::time::Duration;

use hashbrown::HashMap;
use memtrace_format::{Bytes, ModuleId, TransferBegin, TransferEnd};

use super::{
    residency::Whereabouts,
    swaps::{Eviction, Load, Swaps, ThreadSwaps},
    transfers::{TransferSums, Way, sum},
};
use crate::{
    Nanos,
    replay::{Moment, TransferKey},
    source::Definitions,
};

/// What happened to one module.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModuleRecord {
    /// When it came into being, if that was recorded.
    appeared: Option<Nanos>,
    pub(crate) forwards: u64,
    pub(crate) loads: u64,
    pub(crate) evictions: u64,
    pub(crate) bytes: Bytes,
    pub(crate) ns: Nanos,
    /// Its transfers and their bytes, by [`Way`].
    pub(crate) by_way: [(u64, Bytes); Way::ALL.len()],
    pub(crate) whereabouts: Whereabouts,
    /// Its latest eviction, until it is loaded again: in which phase, how much, how long.
    evicted: Option<(Option<u64>, Bytes, Nanos)>,
}

/// A transfer that has begun.
#[derive(Clone, Copy, Debug)]
struct OpenTransfer {
    begin: TransferBegin,
    began: Nanos,
    thread: usize,
    /// The forwards and the borders of forwards on its thread when it began.
    forwards: u64,
    borders: u64,
    /// The innermost phase on its thread when it began.
    phase: Option<u64>,
    /// The eviction that it undoes in the same use cycle.
    undoes: Option<(Bytes, Nanos)>,
}

/// Watches modules and transfers.
#[derive(Debug)]
pub(crate) struct Movement<'a> {
    pub(crate) modules: HashMap<ModuleId, ModuleRecord>,
    pub(crate) sums: TransferSums,
    pub(crate) swaps: Swaps<'a>,
    threads: Vec<ThreadSwaps>,
    open: HashMap<TransferKey, OpenTransfer>,
    replaced: u64,
    /// When counting began.
    since: Nanos,
}

impl<'a> Movement<'a> {
    pub(crate) fn new(definitions: &'a Definitions, threads: usize) -> Self {
        Self {
            modules: HashMap::new(),
            sums: TransferSums::default(),
            swaps: Swaps::new(definitions),
            threads: vec![ThreadSwaps::default(); threads],
            open: HashMap::new(),
            replaced: 0,
            since: Nanos(0),
        }
    }

    pub(crate) fn module_defined(&mut self, module: ModuleId, time: Nanos) {
        self.modules.entry(module).or_default().appeared.get_or_insert(time);
    }

    pub(crate) fn module_released(&mut self, module: ModuleId, time: Nanos) {
        let module = self.modules.entry(module).or_default();
        module.whereabouts.ended(time);
        // Should it come back, it was nowhere in between.
        module.appeared = Some(time);
    }

    pub(crate) fn forward_begin(&mut self, now: Moment, module: ModuleId) {
        self.modules.entry(module).or_default().forwards += 1;
        let waited = self.swaps.forward_begins(&mut self.threads[now.thread], module);
        self.sums.add_stall(waited);
    }

    pub(crate) fn forward_end(&mut self, now: Moment) {
        self.threads[now.thread].forward_ends();
    }

    /// A transfer begins in `phase`. `false`: it had begun already, and begins anew.
    pub(crate) fn begin(
        &mut self,
        now: Moment,
        key: TransferKey,
        begin: &TransferBegin,
        phase: Option<u64>,
        is_open: impl Fn(u64) -> bool,
    ) -> bool {
        let thread = &self.threads[now.thread];
        let (forwards, borders) = (thread.forwards, thread.borders);
        let mut undoes = None;
        if begin.to.is_device() && !begin.module.is_none() {
            let evicted = self.modules.get_mut(&begin.module).and_then(|module| module.evicted.take());
            undoes =
                evicted.filter(|(phase, ..)| phase.is_some_and(is_open)).map(|(_, bytes, ns)| (bytes, ns));
        }
        let open = OpenTransfer {
            begin: *begin,
            began: now.time,
            thread: now.thread,
            forwards,
            borders,
            phase,
            undoes,
        };
        let replaced = self.open.insert(key, open).is_some();
        self.replaced += u64::from(replaced);
        !replaced
    }

    /// A transfer ends. Returns the thread that began it and the module; none if its begin is not recorded.
    pub(crate) fn end(
        &mut self,
        now: Moment,
        key: TransferKey,
        end: &TransferEnd,
    ) -> Option<(usize, ModuleId)> {
        let open = self.open.remove(&key)?;
        let OpenTransfer { begin, began, .. } = open;
        let (moved, took) = (end.size, time_taken(now.time.since(began), end.on_device));
        self.sums.add(&begin, moved, took);

        let thread = &mut self.threads[open.thread];
        let border = (open.thread == now.thread && open.borders == thread.borders).then_some(open.borders);
        if border.is_some() && begin.to.is_device() {
            thread.add_waiting(begin.module, took);
        } else if border.is_some() && begin.from.is_device() {
            thread.add_waiting(ModuleId::NONE, took);
        }
        if begin.module.is_none() {
            return Some((open.thread, ModuleId::NONE));
        }
        let module = self.modules.entry(begin.module).or_default();
        module.bytes = sum(module.bytes, moved);
        module.ns = module.ns.plus(took);
        let (count, bytes) = &mut module.by_way[Way::of(&begin) as usize];
        (*count, *bytes) = (*count + 1, sum(*bytes, moved));
        let appeared = module.appeared.unwrap_or(self.since).min(began).max(self.since);
        module.whereabouts.moved(begin.from, begin.to, appeared, now.time);
        if begin.from.is_device() && begin.from != begin.to {
            module.evictions += 1;
            module.evicted = Some((open.phase, moved, took));
            let eviction = Eviction {
                module: begin.module,
                room_for: begin.room_for,
                device: begin.from,
                began,
                moved,
                took,
                forwards: thread.forwards,
                border,
            };
            self.swaps.evicted(thread, eviction, open.phase.is_some());
        }
        if begin.to.is_device() && begin.from != begin.to {
            module.loads += 1;
            if let Some((bytes, ns)) = open.undoes {
                self.swaps.thrashed(sum(bytes, moved), ns.plus(took));
            }
            let load = Load {
                module: begin.module,
                device: begin.to,
                ended: now.time,
                moved,
                took,
                forwards: open.forwards,
            };
            let waited = self.swaps.loaded(thread, load);
            self.sums.add_stall(waited);
        }
        Some((open.thread, begin.module))
    }

    /// Begins to count anew: modules are where they are, and the transfers that are open are under way.
    pub(crate) fn forget_the_past(&mut self, now: Nanos) {
        for module in self.modules.values_mut() {
            let mut whereabouts = std::mem::take(&mut module.whereabouts);
            whereabouts.forget_the_past(now);
            *module = ModuleRecord { appeared: Some(now), whereabouts, ..ModuleRecord::default() };
        }
        self.sums = TransferSums::default();
        self.swaps.forget_the_past();
        self.replaced = 0;
        self.since = now;
    }

    /// How many transfers began and did not end.
    pub(crate) fn unfinished(&self) -> u64 {
        self.open.len() as u64 + self.replaced
    }

    /// The trace ends.
    pub(crate) fn finish(&mut self, end: Nanos) {
        for module in self.modules.values_mut() {
            module.whereabouts.ended(end);
        }
    }
}

/// How long a transfer took: what the device measured, for the host may have waited for its turn, done other things
/// meanwhile, or noticed the end late. It cannot have been longer than the host's time from its beginning to its end.
fn time_taken(on_host: Nanos, on_device: Option<Duration>) -> Nanos {
    let on_device = on_device.and_then(|took| u64::try_from(took.as_nanos()).ok());
    on_device.map_or(on_host, |ns| Nanos(ns).min(on_host))
}
