//! Loads that are under way, so that a request that fails in one is told with what the module still needs.

use hashbrown::HashMap;
use memtrace_format::{ModuleId, Tier, TransferBegin};

use super::Devices;
use crate::{
    model::TransferKey,
    oom::{Need, NeedOf},
    replay::OPEN_TRANSFERS,
    source::{Definitions, parents},
};

/// Loads of all threads.
#[derive(Debug, Default)]
pub(super) struct Loads {
    open: HashMap<TransferKey, OpenLoad>,
    /// By the index of the thread.
    series: HashMap<usize, Series>,
}

/// A load that has begun.
#[derive(Clone, Copy, Debug)]
struct OpenLoad {
    thread: usize,
    module: ModuleId,
    device: u16,
    size: u64,
    /// What was in use on the device when it began.
    before: u64,
}

/// Parts of one module that a thread loads one after another, without a forward or an eviction in between: the other parts come next.
#[derive(Clone, Copy, Debug)]
struct Series {
    root: ModuleId,
    device: u16,
    arrived: u64,
    /// What arrived in all, of this root and of those before.
    all: u64,
}

/// A model that was not seen to compute takes at least this part of the weights to do so: activations, a workspace.
const WORK: u64 = 16;

impl Loads {
    /// A transfer begins on the thread.
    pub(super) fn begin(
        &mut self,
        thread: usize,
        key: TransferKey,
        begin: &TransferBegin,
        devices: &Devices<'_>,
    ) {
        let Tier::Device(device) = begin.to else {
            if begin.from.is_device() {
                self.interrupted(thread);
            }
            return;
        };
        if begin.module.is_none() || self.open.len() >= OPEN_TRANSFERS {
            return;
        }
        let before = devices.active_on(u32::from(device));
        self.open.insert(key, OpenLoad { thread, module: begin.module, device, size: begin.size.0, before });
    }

    /// A transfer has ended, after so many bytes.
    pub(super) fn end(&mut self, key: TransferKey, moved: u64, definitions: &Definitions) {
        let Some(load) = self.open.remove(&key) else { return };
        let root = parents(definitions, load.module).last().unwrap_or(load.module);
        let new = Series { root, device: load.device, arrived: 0, all: 0 };
        let series = self.series.entry(load.thread).or_insert(new);
        if series.device != load.device {
            *series = new;
        } else if series.root != root {
            *series = Series { all: series.all, ..new };
        }
        series.arrived = series.arrived.saturating_add(moved);
        series.all = series.all.saturating_add(moved);
    }

    /// A forward begins or ends on the thread, or something leaves the device.
    pub(super) fn interrupted(&mut self, thread: usize) {
        self.series.remove(&thread);
    }

    /// What the load on the thread needs that asks for the most, if one is under way to the device.
    pub(super) fn need(
        &self,
        thread: usize,
        device: u32,
        devices: &Devices<'_>,
        definitions: &Definitions,
    ) -> Option<Need> {
        let loads =
            self.open.values().filter(|load| load.thread == thread && u32::from(load.device) == device);
        let load = loads.max_by_key(|load| (load.size, load.module))?;
        let there = devices.active_on(device).saturating_sub(load.before).min(load.size);
        let series = self.series.get(&thread).filter(|series| series.device == load.device);
        let work = |size: u64| series.map_or(0, |series| series.all).saturating_add(size) / WORK;
        let own = Need { of: NeedOf::Load(load.module), whole: load.size, work: work(load.size), there };
        let root = parents(definitions, load.module).last();
        let parts = series.filter(|series| root == Some(series.root) && series.arrived > 0);
        let all = parts.and_then(|series| {
            let whole = definitions.module(series.root)?.size().0;
            let there = series.arrived.saturating_add(there);
            let work = work(whole.saturating_sub(series.arrived));
            Some(Need { of: NeedOf::Load(series.root), whole, work, there })
        });
        all.filter(|all| all.still() > own.still()).or(Some(own))
    }
}
