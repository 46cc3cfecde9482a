//! Builds the swaps and their lower bound.

use std::cmp::Reverse;

use hashbrown::{HashMap, hash_map::Entry};
use memtrace_format::Bytes;

use super::names::Names;
use crate::{
    Nanos, Text,
    collectors::{Movement, SwapRecord, SwapWatch, Uses},
    report::{DeviceBound, LowerBound, ModuleSwaps, OtherSwaps, Swap, Swaps},
};

/// The swaps; `complete` says whether no event is missing.
pub(super) fn swaps(movement: &Movement<'_>, complete: bool, names: &mut Names<'_>) -> Swaps {
    let watch = &movement.swaps;
    let mut swaps = sums(watch, names);
    swaps.thrash = watch.thrash();
    swaps.thrash_why = swaps
        .thrash
        .is_none()
        .then_some("no phase was open at any eviction, so there is no use cycle to go by");

    let mut costliest: Vec<&SwapRecord> = watch.costliest.kept().collect();
    costliest.sort_unstable_by(|a, b| b.cmp(a));
    costliest.truncate(Swaps::LISTED);
    swaps.costliest = costliest.into_iter().map(|record| swap(record, names)).collect();
    swaps.others = others(&swaps);

    let bound = lower_bound(&movement.uses, complete);
    swaps.lower_bound_why = bound.as_ref().err().copied();
    swaps.lower_bound = bound.ok();
    swaps
}

fn sums(watch: &SwapWatch<'_>, names: &mut Names<'_>) -> Swaps {
    let mut by_id: Vec<_> = watch.by_module.iter().map(|(id, sums)| (*id, *sums)).collect();
    by_id.sort_unstable_by_key(|(id, _)| *id);
    let mut swaps = Swaps::default();
    // A module that is loaded from its file again has a new number; to whoever reads the report it is the same one.
    let mut by_name: HashMap<Text, usize> = HashMap::new();
    for (id, sums) in by_id {
        let of_this = ModuleSwaps {
            name: names.module(id),
            count: sums.count,
            bytes: sums.bytes,
            ns: sums.ns,
            stall_ns: sums.stall,
            thrash: sums.thrash,
        };
        swaps.count += sums.count;
        swaps.bytes.0 = swaps.bytes.0.saturating_add(sums.bytes.0);
        swaps.ns = swaps.ns.plus(sums.ns);
        swaps.stall_ns = swaps.stall_ns.plus(sums.stall);
        match by_name.entry(of_this.name.clone()) {
            Entry::Occupied(known) => swaps.by_module[*known.get()].join(&of_this),
            Entry::Vacant(new) => {
                new.insert(swaps.by_module.len());
                swaps.by_module.push(of_this);
            }
        }
    }
    swaps.by_module.sort_by_key(|module| Reverse(module.ns));
    swaps
}

fn swap(record: &SwapRecord, names: &mut Names<'_>) -> Swap {
    Swap {
        time_ns: record.time,
        began_ns: record.began,
        module: names.module(record.module),
        module_id: record.module.0,
        device: record.device,
        evicted: record.evicted.iter().map(|&module| names.module(module)).collect(),
        bytes: record.bytes,
        ns: record.took,
        gbps: (record.took > Nanos(0)).then(|| record.bytes.0 as f64 / record.took.0 as f64),
        stall_ns: record.stall,
        reason: record.reason.name(),
        thrash: record.thrash,
    }
}

/// All swaps but those that are listed.
fn others(swaps: &Swaps) -> OtherSwaps {
    let mut others =
        OtherSwaps { count: swaps.count, bytes: swaps.bytes, ns: swaps.ns, stall_ns: swaps.stall_ns };
    for swap in &swaps.costliest {
        others.count = others.count.saturating_sub(1);
        others.bytes.0 = others.bytes.0.saturating_sub(swap.bytes.0);
        others.ns = others.ns.since(swap.ns);
        others.stall_ns = others.stall_ns.since(swap.stall_ns);
    }
    others
}

fn lower_bound(uses: &Uses, complete: bool) -> Result<LowerBound, &'static str> {
    if !complete {
        return Err("events are missing, so neither the order of forwards nor what was loaded is sure");
    }
    if uses.devices_left_out {
        return Err("modules moved to too many devices");
    }
    let by_device: Vec<DeviceBound> = uses
        .devices
        .iter()
        .filter(|device| device.uses > 0)
        .map(|device| DeviceBound {
            device: device.device,
            capacity_bytes: device.capacity,
            uses: device.uses,
            loads: device.loads,
            loaded_bytes: device.loaded,
            bytes: device.least.min(device.loaded),
            achievable_bytes: device.achievable.min(device.loaded),
            windows: device.windows,
        })
        .collect();
    if by_device.is_empty() {
        return Err("no forward of a module that moved to a device is recorded");
    }
    let sum = |of: fn(&DeviceBound) -> Bytes| {
        Bytes(by_device.iter().fold(0, |sum: u64, device| sum.saturating_add(of(device).0)))
    };
    Ok(LowerBound {
        loaded_bytes: sum(|device| device.loaded_bytes),
        bytes: sum(|device| device.bytes),
        achievable_bytes: sum(|device| device.achievable_bytes),
        known: if by_device.iter().all(|device| device.windows <= 1) { "whole" } else { "windows" },
        by_device,
    })
}
