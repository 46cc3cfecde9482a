//! Swaps: evictions that made room for a load, what they cost, and who waited.

use hashbrown::HashMap;
use memtrace_format::{Bytes, ModuleId, Reason, Tier};

use super::{costliest::Costliest, transfers::sum};
use crate::{
    Nanos,
    report::Thrash,
    source::{Definitions, parents},
};

/// The most swaps that are kept one by one.
const KEPT: usize = 1 << 16;

/// The most evictions of one thread that wait for the load they made room for; the oldest give way.
const WAITING: usize = 64;

/// The most swaps of one thread for which it may still turn out that a forward waits; the oldest have cost what they have.
const UNSETTLED: usize = 64;

/// A finished eviction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Eviction {
    pub(crate) module: ModuleId,
    pub(crate) room_for: ModuleId,
    /// The device that it left.
    pub(crate) device: Tier,
    pub(crate) began: Nanos,
    pub(crate) moved: Bytes,
    pub(crate) took: Nanos,
    /// The forwards that its thread had begun when it ended.
    pub(crate) forwards: u64,
    /// The borders of forwards that its thread had crossed when it ended, if it crossed none meanwhile.
    pub(crate) border: Option<u64>,
}

/// A finished load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) module: ModuleId,
    pub(crate) device: Tier,
    pub(crate) ended: Nanos,
    pub(crate) moved: Bytes,
    pub(crate) took: Nanos,
    /// The forwards that its thread had begun when it began.
    pub(crate) forwards: u64,
    pub(crate) reason: Reason,
    /// Whether the module did not arrive.
    pub(crate) failed: bool,
    /// Whether its thread went on meanwhile, to a border of forwards at least.
    pub(crate) passed: bool,
    /// Whether it undoes an eviction of the same use cycle.
    pub(crate) thrash: bool,
}

/// A swap. Of two, the one that held up a forward for longer is greater; then the one that took longer; then the earlier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SwapRecord {
    pub(crate) time: Nanos,
    pub(crate) module: ModuleId,
    pub(crate) device: Tier,
    pub(crate) evicted: Vec<ModuleId>,
    pub(crate) began: Nanos,
    pub(crate) bytes: Bytes,
    pub(crate) took: Nanos,
    pub(crate) stall: Nanos,
    pub(crate) reason: Reason,
    pub(crate) thrash: bool,
}

impl SwapRecord {
    fn rank(&self) -> impl Ord {
        let first = std::cmp::Reverse((self.time, self.module));
        (self.stall, self.took, first, self.bytes)
    }
}

impl Ord for SwapRecord {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for SwapRecord {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Sums over the swaps that brought one module in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SwapSums {
    pub(crate) count: u64,
    pub(crate) bytes: Bytes,
    pub(crate) ns: Nanos,
    pub(crate) stall: Nanos,
    pub(crate) thrash: Thrash,
}

/// Watches for swaps.
#[derive(Debug)]
pub(crate) struct Swaps<'a> {
    definitions: &'a Definitions,
    pub(crate) by_module: HashMap<ModuleId, SwapSums>,
    pub(crate) costliest: Costliest<SwapRecord>,
    thrash: Thrash,
    evictions_in_phases: u64,
    evictions: u64,
}

/// What one thread has evicted, and for what its next forward waits.
#[derive(Clone, Debug, Default)]
pub(crate) struct ThreadSwaps {
    evictions: Vec<Waiting>,
    /// Swaps since the latest border.
    unsettled: Vec<SwapRecord>,
    /// The forwards begun so far.
    pub(crate) forwards: u64,
    /// The begins and ends of forwards so far.
    pub(crate) borders: u64,
    /// The module whose forward began at the latest border; none if one ended there.
    begun: ModuleId,
    /// When it began.
    begun_at: Nanos,
    /// The time of the loads since the latest border, by module, each with the evictions that made room for it; evictions
    /// that have not made room for a load yet are under none.
    waiting: HashMap<ModuleId, Nanos>,
}

/// An eviction that waits for the load it made room for.
#[derive(Clone, Debug)]
struct Waiting {
    eviction: Eviction,
    /// The modules that contain the one it made room for.
    units: Vec<ModuleId>,
}

impl<'a> Swaps<'a> {
    pub(crate) fn new(definitions: &'a Definitions) -> Self {
        Self {
            definitions,
            by_module: HashMap::new(),
            costliest: Costliest::new(KEPT),
            thrash: Thrash::default(),
            evictions_in_phases: 0,
            evictions: 0,
        }
    }

    /// Begins to count anew.
    pub(crate) fn reset_at(&mut self) {
        *self = Self::new(self.definitions);
    }

    /// An eviction ended.
    pub(crate) fn evicted(&mut self, thread: &mut ThreadSwaps, eviction: Eviction, in_phase: bool) {
        self.evictions += 1;
        self.evictions_in_phases += u64::from(in_phase);
        // It has been back since its last one, if another thread's doing.
        thread.forget(eviction.module);
        if thread.evictions.len() == WAITING {
            thread.evictions.remove(0);
        }
        let units = parents(self.definitions, eviction.room_for).collect();
        thread.evictions.push(Waiting { eviction, units });
    }

    /// A load ended: it and the evictions that made room for it are a swap, once it succeeds. Returns how long the forward that is open on
    /// the thread has waited for it: a hook may bring a module in before its forward is said to begin, or after; or the load
    /// began early, but not early enough.
    pub(crate) fn loaded(&mut self, thread: &mut ThreadSwaps, load: Load) -> Nanos {
        if !load.failed {
            thread.forget(load.module);
            self.swapped(thread, &load);
        }
        let awaited = !thread.begun.is_none() && in_one_unit(self.definitions, thread.begun, load.module);
        if !awaited {
            return Nanos(0);
        }
        let since_border = thread.waiting.remove(&load.module);
        let too_late = || load.passed && self.needs(thread.begun, load.module);
        let waited = match since_border {
            Some(waited) => waited,
            None if too_late() => load.ended.since(thread.begun_at).min(load.took),
            None => Nanos(0),
        };
        self.add_stall(thread, load.module, waited);
        waited
    }

    /// Whether a forward cannot go on without this module: it is of the module, or of a part of it.
    fn needs(&self, forward: ModuleId, module: ModuleId) -> bool {
        forward == module || parents(self.definitions, forward).any(|parent| parent == module)
    }

    /// A forward waited so long for a module that its thread had loaded.
    fn add_stall(&mut self, thread: &mut ThreadSwaps, module: ModuleId, waited: Nanos) {
        let Some(swap) = thread.unsettled.iter_mut().rfind(|swap| swap.module == module) else { return };
        swap.stall = swap.stall.plus(waited);
        let sums = self.by_module.entry(module).or_default();
        sums.stall = sums.stall.plus(waited);
    }

    fn swapped(&mut self, thread: &mut ThreadSwaps, load: &Load) {
        // Followed up once here, and not once an eviction.
        let units: Vec<ModuleId> = parents(self.definitions, load.module).collect();
        let made_room = |waiting: &Waiting| {
            let Waiting { eviction, units: room_units } = waiting;
            let room_for = eviction.room_for;
            let meant = if room_for.is_none() {
                eviction.module != load.module && eviction.forwards == load.forwards
            } else {
                room_for == load.module || units.contains(&room_for) || room_units.contains(&load.module)
            };
            eviction.device == load.device && meant
        };
        let made = thread.evictions.extract_if(.., |waiting| made_room(waiting));
        let made: Vec<Eviction> = made.map(|waiting| waiting.eviction).collect();
        let Some(began) = made.iter().map(|eviction| eviction.began).min() else { return };
        let bytes = made.iter().fold(load.moved, |bytes, eviction| sum(bytes, eviction.moved));
        let took = made.iter().fold(load.took, |took, eviction| took.plus(eviction.took));

        let sums = self.by_module.entry(load.module).or_default();
        sums.count += 1;
        sums.bytes = sum(sums.bytes, bytes);
        sums.ns = sums.ns.plus(took);
        for eviction in &made {
            thread.assign(eviction.border, eviction.took, load.module);
        }
        if thread.unsettled.len() == UNSETTLED {
            self.costliest.add(thread.unsettled.remove(0));
        }
        thread.unsettled.push(SwapRecord {
            time: load.ended,
            module: load.module,
            device: load.device,
            evicted: made.iter().map(|eviction| eviction.module).collect(),
            began,
            bytes,
            took,
            stall: Nanos(0),
            reason: load.reason,
            thrash: load.thrash,
        });
    }

    /// A module was loaded in the use cycle in which it had been evicted; `bytes` and `ns` are those of both transfers.
    pub(crate) fn thrashed(&mut self, module: ModuleId, bytes: Bytes, ns: Nanos) {
        for thrash in [&mut self.thrash, &mut self.by_module.entry(module).or_default().thrash] {
            thrash.count += 1;
            thrash.bytes = sum(thrash.bytes, bytes);
            thrash.ns = thrash.ns.plus(ns);
        }
    }

    /// What was evicted and loaded again in one use cycle; none if it is not known what a use cycle is.
    pub(crate) fn thrash(&self) -> Option<Thrash> {
        (self.evictions == 0 || self.evictions_in_phases > 0).then_some(self.thrash)
    }

    /// A forward begins on the thread. Returns for which modules it has waited, and how long: the loads of its own unit
    /// since the latest border. Other modules that were loaded then were loaded for something else.
    pub(crate) fn forward_begins(
        &mut self,
        thread: &mut ThreadSwaps,
        forward: ModuleId,
        now: Nanos,
    ) -> Vec<(ModuleId, Nanos)> {
        let mut all: Vec<_> = thread
            .waiting
            .drain()
            .filter(|(module, _)| !module.is_none() && in_one_unit(self.definitions, forward, *module))
            .collect();
        all.sort_unstable();
        for &(module, waited) in &all {
            self.add_stall(thread, module, waited);
        }
        self.settle(thread);
        thread.forwards += 1;
        thread.borders += 1;
        (thread.begun, thread.begun_at) = (forward, now);
        all
    }

    /// A forward ends on the thread: the transfers since the latest border were for something else.
    pub(crate) fn forward_ends(&mut self, thread: &mut ThreadSwaps) {
        thread.waiting.clear();
        self.settle(thread);
        thread.borders += 1;
        thread.begun = ModuleId::NONE;
    }

    /// What the swaps of the thread have cost is known now.
    pub(crate) fn settle(&mut self, thread: &mut ThreadSwaps) {
        thread.unsettled.drain(..).for_each(|swap| self.costliest.add(swap));
    }
}

impl ThreadSwaps {
    /// Begins to count anew: what was evicted and loaded before makes no swap.
    pub(crate) fn reset_at(&mut self) {
        self.evictions.clear();
        self.unsettled.clear();
        self.waiting.clear();
    }

    /// A load of `module`, or an eviction if that is none, ended that began after the latest border.
    pub(crate) fn add_waiting(&mut self, module: ModuleId, took: Nanos) {
        let waiting = self.waiting.entry(module).or_default();
        *waiting = waiting.plus(took);
    }

    /// The swap that came about last, since the latest border.
    pub(crate) fn latest(&self) -> Option<&SwapRecord> {
        self.unsettled.last()
    }

    /// A module came back, so that its eviction makes room for nothing any more.
    fn forget(&mut self, module: ModuleId) {
        self.evictions.retain(|waiting| waiting.eviction.module != module);
    }

    /// An eviction that ended after `border` turns out to have made room for `module`.
    fn assign(&mut self, border: Option<u64>, took: Nanos, module: ModuleId) {
        if border != Some(self.borders) {
            return;
        }
        let evictions = self.waiting.entry(ModuleId::NONE).or_default();
        *evictions = evictions.since(took);
        self.add_waiting(module, took);
    }
}

/// Whether one of the modules contains the other, or they are one.
pub(super) fn in_one_unit(definitions: &Definitions, a: ModuleId, b: ModuleId) -> bool {
    a == b
        || parents(definitions, a).any(|parent| parent == b)
        || parents(definitions, b).any(|parent| parent == a)
}
