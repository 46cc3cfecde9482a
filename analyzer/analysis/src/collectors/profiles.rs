//! Profile runs: how much memory an engine needs beside its cache, from the phases in which it loads its weights and tries
//! itself out.

use hashbrown::HashMap;
use memtrace_format::{NameId, well_known};

use super::{
    DeviceIndex, DeviceSnapshot, Devices,
    collector::{Collector, Context},
};
use crate::{
    model::EventContext,
    replay::OpenScope,
    source::{Definitions, Log},
};

/// The most phases that are watched at one time, and the most profile runs that are kept: the first.
const OPEN: usize = 64;
const KEPT: usize = 1024;

/// What a phase is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Weights,
    Profile,
}

/// A profile run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProfileRecord {
    pub(crate) ordinal: u32,
    /// The device before and after its weights were loaded.
    pub(crate) weights: Option<(DeviceSnapshot, DeviceSnapshot)>,
    pub(crate) before: DeviceSnapshot,
    pub(crate) after: DeviceSnapshot,
    /// The most allocated bytes between the two.
    pub(crate) peak_allocated: u64,
}

/// A phase that is watched and has not ended.
#[derive(Clone, Copy, Debug)]
struct Open {
    number: u64,
    purpose: Purpose,
    device: DeviceIndex,
    before: DeviceSnapshot,
    peak_allocated: u64,
}

/// Watches for profile runs.
#[derive(Debug)]
pub(crate) struct Profiles<'a> {
    definitions: &'a Definitions,
    purposes: HashMap<NameId, Option<Purpose>>,
    open: Vec<Open>,
    /// How the weights of each device were loaded, last.
    weights: HashMap<DeviceIndex, (DeviceSnapshot, DeviceSnapshot)>,
    pub(crate) ended: Vec<ProfileRecord>,
}

impl<'a> Collector<'a> for Profiles<'a> {
    fn new(log: &'a Log) -> Self {
        Self {
            definitions: log.definitions(),
            purposes: HashMap::new(),
            open: Vec::new(),
            weights: HashMap::new(),
            ended: Vec::new(),
        }
    }

    fn scope_begin(
        &mut self,
        context: &mut Context<'_, 'a>,
        name: NameId,
        phase: Option<u64>,
        _entered: bool,
    ) {
        let (now, devices) = (context.now, &mut *context.devices);
        let Some(number) = phase else { return };
        let Some(purpose) = self.purpose(name) else { return };
        let Some(device) = devices.in_use_by(now.thread).filter(|_| self.open.len() < OPEN) else { return };
        self.cross_border(device, devices);
        let before = devices.snapshot(device, now.time);
        let peak_allocated = before.level.allocated;
        self.open.push(Open { number, purpose, device, before, peak_allocated });
    }

    fn scope_end(&mut self, context: &mut Context<'_, 'a>, closed: &[OpenScope]) {
        for number in closed.iter().filter_map(|open| open.phase) {
            self.end(context.now, number, context.devices);
        }
    }

    /// What has begun before is not watched.
    fn reset_at(&mut self, _context: &mut Context<'_, 'a>) {
        self.open.clear();
        self.weights.clear();
        self.ended.clear();
    }
}

impl Profiles<'_> {
    /// The phase of this number ends.
    fn end(&mut self, now: EventContext, number: u64, devices: &mut Devices<'_>) {
        let Some(at) = self.open.iter().position(|open| open.number == number) else { return };
        self.cross_border(self.open[at].device, devices);
        let Open { purpose, device, before, peak_allocated, .. } = self.open.remove(at);
        let after = devices.snapshot(device, now.time);
        match purpose {
            Purpose::Weights => _ = self.weights.insert(device, (before, after)),
            Purpose::Profile if self.ended.len() < KEPT => self.ended.push(ProfileRecord {
                ordinal: devices.watch(device).ordinal,
                weights: self.weights.get(&device).copied(),
                before,
                after,
                peak_allocated,
            }),
            Purpose::Profile => {}
        }
    }

    fn cross_border(&mut self, device: DeviceIndex, devices: &mut Devices<'_>) {
        let most = devices.watch(device).cross_border();
        for open in self.open.iter_mut().filter(|open| open.device == device) {
            open.peak_allocated = open.peak_allocated.max(most);
        }
    }

    fn purpose(&mut self, name: NameId) -> Option<Purpose> {
        *self.purposes.entry(name).or_insert_with(|| match self.definitions.name(name).recorded() {
            well_known::WEIGHTS_PHASE => Some(Purpose::Weights),
            well_known::PROFILE_PHASE => Some(Purpose::Profile),
            _ => None,
        })
    }
}
