//! The record of each module.

use hashbrown::HashMap;
use memtrace_format::{Bytes, ModuleId, Tier};

use super::{
    activity::Activity,
    residency::Whereabouts,
    speeds::{Room, Speeds},
    transfers::{Way, sum},
    uses::Uses,
};
use crate::{
    Nanos,
    source::{Definitions, parents},
};

/// The most modules that are told of: how many a file names in its events is the file's choice, how much memory they take is
/// ours.
const MODULES: usize = 1 << 16;

/// What happened to each module.
#[derive(Debug, Default)]
pub(crate) struct Modules {
    records: HashMap<ModuleId, ModuleRecord>,
    /// How often something happened to a module for which there was no room.
    pub(crate) left_out: u64,
}

impl Modules {
    pub(crate) fn get(&self, id: ModuleId) -> Option<&ModuleRecord> {
        self.records.get(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ModuleId, &ModuleRecord)> {
        self.records.iter().map(|(&id, record)| (id, record))
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut ModuleRecord> {
        self.records.values_mut()
    }

    /// What is recorded of the module; none if there is no room for another.
    pub(super) fn record(&mut self, id: ModuleId) -> Option<&mut ModuleRecord> {
        if self.records.len() >= MODULES && !self.records.contains_key(&id) {
            self.left_out += 1;
            return None;
        }
        Some(self.records.entry(id).or_default())
    }

    /// Whether the weights of a module are on a device, as far as anything is known of them.
    pub(super) fn is_equipped(&self, definitions: &Definitions, module: ModuleId) -> bool {
        let whereabouts = |id| self.get(id).filter(|module| module.whereabouts.is_known());
        let mover = whereabouts(module).or_else(|| parents(definitions, module).find_map(whereabouts));
        mover.is_none_or(|mover| mover.whereabouts.is_on_device())
    }
}

/// What happened to one module.
#[derive(Debug, Default)]
pub(crate) struct ModuleRecord {
    /// When it came into being, if that was recorded.
    pub(super) appeared: Option<Nanos>,
    pub(crate) forwards: u64,
    pub(crate) loads: u64,
    pub(crate) evictions: u64,
    pub(crate) bytes: Bytes,
    pub(crate) ns: Nanos,
    /// Its transfers by [`Way`]; those ways that there are.
    pub(crate) by_way: Vec<(Way, WaySums)>,
    /// For how long its transfers were hidden behind computation.
    pub(crate) hidden: Nanos,
    /// What forwards waited for it.
    pub(crate) waits: Waits,
    pub(crate) whereabouts: Whereabouts,
    /// What it did over time.
    pub(crate) activity: Activity,
    /// What it fills on a device that it is on.
    pub(super) fills: Option<(Tier, Bytes)>,
    /// The device that it left last, what it had filled there, and when it left.
    pub(super) left: Option<(Tier, Bytes, Nanos)>,
    /// Its latest eviction, until it is loaded again: in which phase, how much, how long.
    pub(super) evicted: Option<(Option<u64>, Bytes, Nanos)>,
}

/// The transfers of one module in one direction.
#[derive(Clone, Debug, Default)]
pub(crate) struct WaySums {
    pub(crate) count: u64,
    pub(crate) bytes: Bytes,
    pub(crate) ns: Nanos,
    pub(crate) speeds: Speeds,
}

/// What forwards waited for a module that was loaded for them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waits {
    pub(crate) count: u64,
    pub(crate) ns: Nanos,
    pub(crate) longest: Nanos,
}

impl ModuleRecord {
    pub(super) fn count_transfer(
        &mut self,
        way: Way,
        (moved, took, hidden): (Bytes, Nanos, Nanos),
        room: &mut Room,
    ) {
        self.bytes = sum(self.bytes, moved);
        self.ns = self.ns.plus(took);
        self.hidden = self.hidden.plus(hidden);
        let at = self.by_way.iter().position(|(known, _)| *known == way);
        let at = at.unwrap_or_else(|| {
            self.by_way.push((way, WaySums::default()));
            self.by_way.len() - 1
        });
        let sums = &mut self.by_way[at].1;
        sums.count += 1;
        sums.bytes = sum(sums.bytes, moved);
        sums.ns = sums.ns.plus(took);
        sums.speeds.add(moved, took, room);
    }

    /// Whether it has been the same way, to a device or from one, before.
    pub(super) fn again(&self, leaves: bool, comes: bool) -> bool {
        (leaves && self.evictions > 0) || (comes && self.loads > 0)
    }

    pub(super) fn arrive(&mut self, device: Tier, size: Bytes, uses: &mut Uses) {
        if let Some((device, size)) = self.fills.take() {
            uses.left(device, size);
        }
        uses.arrived(device, size);
        self.fills = Some((device, size));
    }

    pub(super) fn leave(&mut self, device: Tier, size: Bytes, now: Nanos, id: ModuleId, uses: &mut Uses) {
        let size = match self.fills.take() {
            Some((device, size)) => {
                uses.left(device, size);
                size
            }
            // It was loaded before anything was recorded of it.
            None if self.left.is_none() => {
                uses.had_been(device, id, size);
                size
            }
            None => size,
        };
        self.left = Some((device, size, now));
    }
}
