//! Modules and their transfers. Pairs the two ends of each transfer and passes it on to the sums that it concerns.

use std::time::Duration;

use hashbrown::HashMap;
use memtrace_format::{Bytes, ModuleId, OutOfMemory, Tier, TransferBegin, TransferEnd};

use super::{
    Devices,
    activity::ActivityRoom,
    collector::{Collector, Context},
    module::{ModuleRecord, Modules},
    overlap::{OpenForward, Overlap},
    parts::Wholes,
    speeds::Room,
    swaps::{Eviction, Load, SwapRecord, Swaps, ThreadSwaps},
    transfers::{TransferSums, Way, sum},
    uses::Uses,
    work::Work,
};
use crate::{
    Nanos,
    model::{EventContext, TransferKey},
    replay::OPEN_TRANSFERS,
    source::{Definitions, Log, parents},
    timeline::Move,
};

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
    /// The eviction that it undoes in the same use cycle, if it succeeds.
    undoes: Option<(Option<u64>, Bytes, Nanos)>,
    /// It is a part of another.
    is_part: bool,
}

/// Watches modules and transfers.
#[derive(Debug)]
pub(crate) struct Movement<'a> {
    pub(crate) modules: Modules,
    pub(crate) sums: TransferSums,
    pub(crate) swaps: Swaps<'a>,
    /// What was used on each device, and what of it had to be loaded.
    pub(crate) uses: Uses,
    /// What modules compute with.
    pub(crate) work: Work,
    definitions: &'a Definitions,
    overlap: Overlap<'a>,
    threads: Vec<ThreadSwaps>,
    room: Room,
    activity_room: ActivityRoom,
    open: HashMap<TransferKey, OpenTransfer>,
    wholes: Wholes,
    /// Transfers that began and were forgotten before an end: they began again, or there were too many.
    not_followed: u64,
    /// When counting began.
    since: Nanos,
}

impl<'a> Collector<'a> for Movement<'a> {
    fn new(log: &'a Log) -> Self {
        let (definitions, threads) = (log.definitions(), log.threads().len());
        Self {
            modules: Modules::default(),
            sums: TransferSums::default(),
            swaps: Swaps::new(definitions),
            uses: Uses::default(),
            work: Work::new(threads),
            definitions,
            overlap: Overlap::new(definitions, threads),
            room: Room::default(),
            activity_room: ActivityRoom::default(),
            threads: vec![ThreadSwaps::default(); threads],
            open: HashMap::new(),
            wholes: Wholes::new(threads),
            not_followed: 0,
            since: Nanos(0),
        }
    }

    fn module_defined(&mut self, context: &mut Context<'_, 'a>, module: ModuleId) {
        if let Some(module) = self.modules.record(module) {
            module.appeared.get_or_insert(context.now.time);
        }
    }

    fn module_released(&mut self, now: EventContext, id: ModuleId) {
        let time = now.time;
        let Some(module) = self.modules.record(id) else { return };
        module.whereabouts.ended(time);
        if let Some((device, size)) = module.fills.take() {
            self.uses.left(device, size);
        }
        // Should it come back, it was nowhere in between.
        module.appeared = Some(time);
    }

    fn border(&mut self, now: EventContext, devices: &mut Devices<'a>) {
        let uses = &self.uses;
        self.work.border(now.thread, devices, |ordinal| weights(uses, ordinal));
    }

    fn out_of_memory(&mut self, context: &mut Context<'_, 'a>, heap: usize, failed: &OutOfMemory) {
        let device = context.device_of(heap);
        let Some(ordinal) = context.devices.ordinal(device) else { return };
        let weights = weights(&self.uses, ordinal);
        self.work.failed(context.now.thread, context.devices.watch(device), failed.requested.0, weights);
    }

    fn forward_begin(&mut self, now: EventContext, module: ModuleId) {
        self.work.forward_begins(now.thread, module);
        if let Some(record) = self.modules.record(module) {
            record.forwards += 1;
            record.activity.tick(now.time, &mut self.activity_room);
        }
        let waits = self.swaps.forward_begins(&mut self.threads[now.thread], module, now.time);
        self.forward_waited(now.thread, &waits);
        let (modules, definitions) = (&self.modules, self.definitions);
        let equipped = |module| modules.is_equipped(definitions, module);
        self.overlap.forward_begins(now.time, now.thread, module, equipped);
    }

    fn forward_end(&mut self, context: &mut Context<'_, 'a>, module: ModuleId) {
        let now = context.now;
        self.work.forward_ends(now.thread, module);
        self.swaps.forward_ends(&mut self.threads[now.thread]);
        let (modules, definitions) = (&self.modules, self.definitions);
        let equipped = |module| modules.is_equipped(definitions, module);
        let ended = self.overlap.forward_ends(now.time, now.thread, module, equipped);
        if let Some(forward) = ended {
            self.unit_was_used(forward);
        }
    }

    fn transfer_begin(&mut self, context: &mut Context<'_, 'a>, key: TransferKey, begin: &TransferBegin) {
        let (now, replay) = (context.now, &*context.replay);
        let phase = replay.thread(now.thread).phase();
        let is_open = |phase| replay.is_phase_open(phase);
        let thread = &self.threads[now.thread];
        let (forwards, borders) = (thread.forwards, thread.borders);
        self.count_alone(key, now.thread);
        let is_part = self.wholes.begin(now.thread, key, begin);
        let mut begin = *begin;
        let mut undoes = None;
        let moving = Some(begin.module).filter(|module| !module.is_none() && !is_part);
        match moving.map(|module| self.modules.record(module)) {
            Some(Some(module)) if begin.to.is_device() => {
                undoes = module.evicted.take().filter(|(phase, ..)| phase.is_some_and(is_open));
            }
            // What there is no room for is of no module.
            Some(None) => begin.module = ModuleId::NONE,
            _ => {}
        }
        if self.open.len() >= OPEN_TRANSFERS && !self.open.contains_key(&key) {
            self.not_followed += 1;
            return;
        }
        let open = OpenTransfer {
            begin,
            began: now.time,
            thread: now.thread,
            forwards,
            borders,
            phase,
            undoes,
            is_part,
        };
        self.overlap.transfer_begins(now.time, now.thread, key, begin.module);
        let replaced = self.open.insert(key, open);
        if let Some(replaced) = replaced {
            self.not_followed += 1;
            self.work.transfer_ends(&replaced.begin);
        }
        self.work.transfer_begins(&begin);
    }

    fn transfer_end(&mut self, now: EventContext, key: TransferKey, end: &TransferEnd) {
        let Some(open) = self.open.remove(&key) else { return };
        let OpenTransfer { begin, began, .. } = open;
        self.count_alone(key, open.thread);
        self.work.transfer_ends(&begin);
        let (moved, took) = (end.size, time_taken(now.time.since(began), end.on_device));
        let hidden = self.overlap.transfer_ends(now.time, now.thread, key).min(took);
        if open.is_part {
            return self.sums.add_part(moved, took);
        }
        self.sums.add(&begin, moved, took, hidden);

        let thread = &mut self.threads[open.thread];
        let same_thread = open.thread == now.thread;
        let border = (same_thread && open.borders == thread.borders).then_some(open.borders);
        if border.is_some() && begin.to.is_device() {
            thread.add_waiting(begin.module, took);
        } else if border.is_some() && begin.from.is_device() {
            thread.add_waiting(ModuleId::NONE, took);
        }
        if begin.module.is_none() {
            return;
        }
        let leaves = begin.from.is_device() && begin.from != begin.to;
        let comes = begin.to.is_device() && begin.from != begin.to;
        let Some(module) = self.modules.record(begin.module) else { return };
        module.count_transfer(Way::of(&begin), (moved, took, hidden), &mut self.room);
        let (from, to) = (begin.from, begin.to);
        let crossed = Move { from, to, from_ns: began, to_ns: now.time, bytes: moved };
        module.activity.moved(crossed, &mut self.activity_room);
        if module.again(leaves, comes) {
            self.sums.add_again(&begin, moved, took);
        }
        // A load that moved nothing of what it was to move has failed: the module stays where it was.
        let failed = comes && moved.0 == 0 && begin.size.0 > 0;
        if failed {
            module.evicted = module.evicted.or(open.undoes);
        } else {
            let appeared = module.appeared.unwrap_or(self.since).min(began).max(self.since);
            module.whereabouts.moved(begin.from, begin.to, appeared, now.time);
            if leaves {
                let size = self.definitions.module(begin.module).map_or(moved, |module| module.size());
                module.leave(begin.from, size, now.time, begin.module, &mut self.uses);
            }
            if comes {
                module.arrive(begin.to, moved, &mut self.uses);
            }
        }
        if leaves {
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
        if comes {
            module.loads += 1;
            let undone = if failed { None } else { open.undoes };
            if let Some((_, bytes, ns)) = undone {
                self.swaps.thrashed(begin.module, sum(bytes, moved), ns.plus(took));
            }
            let load = Load {
                module: begin.module,
                device: begin.to,
                ended: now.time,
                moved,
                took,
                forwards: open.forwards,
                reason: begin.reason,
                failed,
                passed: same_thread && border.is_none(),
                thrash: undone.is_some(),
            };
            let waited = self.swaps.loaded(thread, load);
            self.forward_waited(open.thread, &[(begin.module, waited)]);
        }
        let (modules, definitions) = (&self.modules, self.definitions);
        self.overlap.moved(now.time, |module| modules.is_equipped(definitions, module));
    }

    /// Modules are where they are, and the transfers that are open are under way.
    fn reset_at(&mut self, context: &mut Context<'_, 'a>) {
        let now = context.now.time;
        for module in self.modules.values_mut() {
            let mut whereabouts = std::mem::take(&mut module.whereabouts);
            whereabouts.reset_at(now);
            let fills = module.fills;
            *module = ModuleRecord { appeared: Some(now), whereabouts, fills, ..ModuleRecord::default() };
        }
        let there = self.modules.iter().filter_map(|(id, module)| Some((module.fills?, id)));
        self.uses.reset_at(there.map(|((device, size), id)| (device, id, size)));
        self.overlap.reset_at(now);
        let (modules, definitions) = (&self.modules, self.definitions);
        self.overlap.moved(now, |module| modules.is_equipped(definitions, module));
        self.room = Room::default();
        self.activity_room = ActivityRoom::default();
        self.sums = TransferSums::default();
        self.swaps.reset_at();
        self.work.reset_at();
        for thread in &mut self.threads {
            thread.reset_at();
        }
        // What it undoes was before, and so was the phase that it began in.
        for open in self.open.values_mut() {
            (open.phase, open.undoes) = (None, None);
        }
        self.not_followed = 0;
        self.modules.left_out = 0;
        self.since = now;
    }
}

impl Movement<'_> {
    /// What is under way and was a part of this transfer, which ends, counts by itself from now on.
    fn count_alone(&mut self, whole: TransferKey, thread: usize) {
        for part in self.wholes.end(thread, whole) {
            if let Some(open) = self.open.get_mut(&part) {
                open.is_part = false;
            }
        }
    }

    /// A forward on the thread waited for these modules.
    fn forward_waited(&mut self, thread: usize, waits: &[(ModuleId, Nanos)]) {
        for &(id, waited) in waits.iter().filter(|(_, waited)| waited.0 > 0) {
            self.sums.add_stall(waited);
            let Some(module) = self.modules.record(id) else { continue };
            module.waits.count += 1;
            module.waits.ns = module.waits.ns.plus(waited);
            module.waits.longest = module.waits.longest.max(waited);
            // What comes first is not known the first time; from then on it is.
            let could_hide = self.overlap.waited(thread, waited);
            if module.loads > 1 {
                self.sums.add_hideable(waited, could_hide);
            }
        }
    }

    /// A forward has ended: the nearest of its module and those that contain it which ever moved was used, on the device
    /// that it is on, or was on when the forward began.
    fn unit_was_used(&mut self, forward: OpenForward) {
        let parents = parents(self.definitions, forward.module);
        for id in std::iter::once(forward.module).chain(parents) {
            let Some(module) = self.modules.get(id) else { continue };
            let left = module.left.filter(|(.., when)| *when >= forward.began);
            let place = module.fills.or(left.map(|(device, size, _)| (device, size)));
            if let Some((device, size)) = place {
                return self.uses.used(device, id, size);
            }
            if module.whereabouts.is_known() {
                return;
            }
        }
    }

    /// The swap of a thread that came about last, since its latest border.
    pub(crate) fn latest_swap(&self, thread: usize) -> Option<&SwapRecord> {
        self.threads.get(thread)?.latest()
    }

    /// How many transfers began and did not end.
    pub(crate) fn unfinished(&self) -> u64 {
        self.open.len() as u64 + self.not_followed
    }

    /// The trace ends.
    pub(crate) fn finish(&mut self, end: Nanos) {
        for module in self.modules.values_mut() {
            module.whereabouts.ended(end);
        }
        for thread in &mut self.threads {
            self.swaps.settle(thread);
        }
        self.uses.finish();
    }
}

/// The weights that are on the device of an ordinal.
fn weights(uses: &Uses, ordinal: u32) -> u64 {
    u16::try_from(ordinal).map_or(0, |ordinal| uses.occupied(Tier::Device(ordinal)).0)
}

/// How long a transfer took: what the device measured, for the host may have waited for its turn, done other things
/// meanwhile, or noticed the end late. It cannot have been longer than the host's time from its beginning to its end.
fn time_taken(on_host: Nanos, on_device: Option<Duration>) -> Nanos {
    let on_device = on_device.and_then(|took| u64::try_from(took.as_nanos()).ok());
    on_device.map_or(on_host, |ns| Nanos(ns).min(on_host))
}
