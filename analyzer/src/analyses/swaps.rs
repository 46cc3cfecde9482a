//! Swaps: evictions that made room for a load, what they cost, and who waited.

use hashbrown::HashMap;
use memtrace_format::{Bytes, ModuleId, Tier};

use super::transfers::sum;
use crate::{
    Nanos,
    report::Thrash,
    source::{Definitions, parents},
};

/// The most swaps that are kept one by one.
const KEPT: usize = 1 << 16;

/// The most evictions of one thread that wait for the load they made room for; the oldest give way.
const WAITING: usize = 64;

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
}

/// A swap.
#[derive(Clone, Debug)]
pub(crate) struct SwapRecord {
    pub(crate) time: Nanos,
    pub(crate) module: ModuleId,
    pub(crate) evicted: Vec<ModuleId>,
    pub(crate) began: Nanos,
    pub(crate) bytes: Bytes,
    pub(crate) took: Nanos,
}

/// Sums over the swaps that brought one module in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SwapSums {
    pub(crate) count: u64,
    pub(crate) bytes: Bytes,
    pub(crate) ns: Nanos,
    pub(crate) stall: Nanos,
}

/// Watches for swaps.
#[derive(Debug)]
pub(crate) struct Swaps<'a> {
    definitions: &'a Definitions,
    pub(crate) by_module: HashMap<ModuleId, SwapSums>,
    pub(crate) kept: Vec<SwapRecord>,
    pub(crate) left_out: u64,
    thrash: Thrash,
    evictions_in_phases: u64,
    evictions: u64,
}

/// What one thread has evicted, and for what its next forward waits.
#[derive(Clone, Debug, Default)]
pub(crate) struct ThreadSwaps {
    evictions: Vec<Waiting>,
    /// The forwards begun so far.
    pub(crate) forwards: u64,
    /// The begins and ends of forwards so far.
    pub(crate) borders: u64,
    /// The module whose forward began at the latest border; none if one ended there.
    begun: ModuleId,
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
            kept: Vec::new(),
            left_out: 0,
            thrash: Thrash::default(),
            evictions_in_phases: 0,
            evictions: 0,
        }
    }

    /// Begins to count anew.
    pub(crate) fn forget_the_past(&mut self) {
        *self = Self::new(self.definitions);
    }

    /// An eviction ended.
    pub(crate) fn evicted(&mut self, thread: &mut ThreadSwaps, eviction: Eviction, in_phase: bool) {
        self.evictions += 1;
        self.evictions_in_phases += u64::from(in_phase);
        if thread.evictions.len() == WAITING {
            thread.evictions.remove(0);
        }
        let units = parents(self.definitions, eviction.room_for).collect();
        thread.evictions.push(Waiting { eviction, units });
    }

    /// A load ended: it and the evictions that made room for it are a swap. Returns how long the forward that is open on
    /// the thread has waited for it: a hook may bring a module in before its forward is said to begin, or after.
    pub(crate) fn loaded(&mut self, thread: &mut ThreadSwaps, load: Load) -> Nanos {
        self.swapped(thread, &load);
        let awaited = !thread.begun.is_none() && in_one_unit(self.definitions, thread.begun, load.module);
        if !awaited {
            return Nanos(0);
        }
        let waited = thread.waiting.remove(&load.module).unwrap_or_default();
        self.add_stall(load.module, waited);
        waited
    }

    fn add_stall(&mut self, module: ModuleId, waited: Nanos) {
        if let Some(sums) = self.by_module.get_mut(&module) {
            sums.stall = sums.stall.plus(waited);
        }
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
        if self.kept.len() < KEPT {
            let evicted = made.iter().map(|eviction| eviction.module).collect();
            self.kept.push(SwapRecord { time: load.ended, module: load.module, evicted, began, bytes, took });
        } else {
            self.left_out += 1;
        }
    }

    /// A module was loaded in the use cycle in which it had been evicted; `bytes` and `ns` are those of both transfers.
    pub(crate) fn thrashed(&mut self, bytes: Bytes, ns: Nanos) {
        self.thrash.count += 1;
        self.thrash.bytes = sum(self.thrash.bytes, bytes);
        self.thrash.ns = self.thrash.ns.plus(ns);
    }

    /// What was evicted and loaded again in one use cycle; none if it is not known what a use cycle is.
    pub(crate) fn thrash(&self) -> Option<Thrash> {
        (self.evictions == 0 || self.evictions_in_phases > 0).then_some(self.thrash)
    }

    /// A forward begins on the thread. Returns how long it has waited: the time of the loads of its own unit since the
    /// latest border. Other modules that were loaded then were loaded for something else.
    pub(crate) fn forward_begins(&mut self, thread: &mut ThreadSwaps, forward: ModuleId) -> Nanos {
        let mut all = Nanos(0);
        for (module, waited) in thread.waiting.drain() {
            if !module.is_none() && in_one_unit(self.definitions, forward, module) {
                all = all.plus(waited);
                self.add_stall(module, waited);
            }
        }
        thread.forwards += 1;
        thread.borders += 1;
        thread.begun = forward;
        all
    }
}

impl ThreadSwaps {
    /// A forward ends on the thread: the transfers since the latest border were for something else.
    pub(crate) fn forward_ends(&mut self) {
        self.waiting.clear();
        self.borders += 1;
        self.begun = ModuleId::NONE;
    }

    /// A load of `module`, or an eviction if that is none, ended that began after the latest border.
    pub(crate) fn add_waiting(&mut self, module: ModuleId, took: Nanos) {
        let waiting = self.waiting.entry(module).or_default();
        *waiting = waiting.plus(took);
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
fn in_one_unit(definitions: &Definitions, a: ModuleId, b: ModuleId) -> bool {
    a == b
        || parents(definitions, a).any(|parent| parent == b)
        || parents(definitions, b).any(|parent| parent == a)
}
