//! What modules compute with: device memory beside the weights that are there, by module.
//!
//! What is allocated is looked at between the borders of forwards and transfers, where the same weights are there all the time. While
//! a transfer is under way a part of them is, so nothing is learnt then.

use hashbrown::{HashMap, HashSet};
use memtrace_format::{ModuleId, TransferBegin};

use super::{DeviceWatch, Devices};
use crate::source::{Definitions, parents};

/// The most modules that are told apart: how many a file names is the file's choice.
const KEPT: usize = 1 << 16;

/// The most forwards that are open on a thread. Those further in count as the last of them.
const DEPTH: usize = 256;

/// What modules compute with.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// The most beside the weights, by the ordinal of the device and the module whose forward was innermost; of none between forwards.
    most: HashMap<(u32, ModuleId), u64>,
    /// What it would have been at the least with a request that failed.
    asked: HashMap<(u32, ModuleId), u64>,
    /// Modules that have run without a failed request.
    finished: HashSet<ModuleId>,
    /// The forwards that are open on each thread, and whether a request has failed in them.
    open: Vec<Vec<(ModuleId, bool)>>,
    /// How many transfers are under way.
    moving: u64,
    /// A load has failed, and a part of it may still be there.
    half_loaded: bool,
}

impl Work {
    pub(super) fn new(threads: usize) -> Self {
        Self { open: vec![Vec::new(); threads], ..Self::default() }
    }

    /// A forward or a transfer is about to begin or end on the thread. `weights` are those on the device of an ordinal.
    pub(super) fn border(&mut self, thread: usize, devices: &mut Devices<'_>, weights: impl Fn(u32) -> u64) {
        let module = self.innermost(thread);
        let settled = self.moving == 0 && !self.half_loaded;
        for device in devices.iter_mut() {
            let most = device.cross_move();
            if settled {
                note(&mut self.most, device, module, most.saturating_sub(weights(device.ordinal)));
            }
        }
    }

    /// A request of so many bytes failed on the thread: it would have been needed too.
    pub(super) fn failed(&mut self, thread: usize, device: &DeviceWatch, requested: u64, weights: u64) {
        self.half_loaded |= self.moving > 0;
        if !self.half_loaded {
            let most = device.level.allocated.saturating_add(requested);
            let module = self.innermost(thread);
            note(&mut self.asked, device, module, most.saturating_sub(weights));
        }
        for (_, failed) in self.open.get_mut(thread).into_iter().flatten() {
            *failed = true;
        }
    }

    pub(super) fn forward_begins(&mut self, thread: usize, module: ModuleId) {
        self.half_loaded = false;
        let Some(open) = self.open.get_mut(thread) else { return };
        if open.len() < DEPTH {
            open.push((module, false));
        }
    }

    pub(super) fn forward_ends(&mut self, thread: usize, module: ModuleId) {
        let Some(open) = self.open.get_mut(thread) else { return };
        let Some(at) = open.iter().rposition(|&(other, _)| other == module) else { return };
        let (_, failed) = open.remove(at);
        if !failed && self.finished.len() < KEPT {
            self.finished.insert(module);
        }
    }

    pub(super) fn transfer_begins(&mut self, begin: &TransferBegin) {
        self.moving += u64::from(is_of_a_device(begin));
    }

    pub(super) fn transfer_ends(&mut self, begin: &TransferBegin) {
        self.moving = self.moving.saturating_sub(u64::from(is_of_a_device(begin)));
    }

    /// Begins to count anew: what is open stays open.
    pub(super) fn reset_at(&mut self) {
        self.most.clear();
        self.asked.clear();
        self.finished.clear();
    }

    /// The most that a module computed with on the device, in its own forwards alone; if none of them ran to its end, what the request
    /// that failed in one would have made it.
    pub(crate) fn of(&self, device: u32, module: ModuleId) -> u64 {
        let key = (device, module);
        let known = module.is_none() || self.has_finished(module);
        let most = self.most.get(&key).filter(|_| known).copied();
        most.max(self.asked.get(&key).copied()).unwrap_or_default()
    }

    /// The most that a module or a part of it computed with; none if none of them was seen to.
    pub(crate) fn of_unit(&self, definitions: &Definitions, device: u32, unit: ModuleId) -> Option<u64> {
        let is_of_it = |id: ModuleId| id == unit || parents(definitions, id).any(|parent| parent == unit);
        let seen =
            self.most.keys().filter(|(on, id)| *on == device && self.has_finished(*id) && is_of_it(*id));
        seen.map(|&(_, id)| self.of(device, id)).max()
    }

    /// Whether a forward of the module has run to its end.
    pub(crate) fn has_finished(&self, module: ModuleId) -> bool {
        self.finished.contains(&module)
    }

    fn innermost(&self, thread: usize) -> ModuleId {
        let open = self.open.get(thread).and_then(|open| open.last());
        open.map_or(ModuleId::NONE, |&(module, _)| module)
    }
}

fn is_of_a_device(begin: &TransferBegin) -> bool {
    begin.from.is_device() || begin.to.is_device()
}

fn note(most: &mut HashMap<(u32, ModuleId), u64>, device: &DeviceWatch, module: ModuleId, bytes: u64) {
    let key = (device.ordinal, module);
    if most.len() < KEPT || most.contains_key(&key) {
        let known = most.entry(key).or_default();
        *known = bytes.max(*known);
    }
}
