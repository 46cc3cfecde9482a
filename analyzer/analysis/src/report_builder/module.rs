//! Modules: where they were and what moved of them.

use std::{collections::BTreeSet, sync::Arc};

use hashbrown::HashMap;
use memtrace_format::{ModuleId, Tier};

use super::names::Names;
use crate::{
    Nanos,
    collectors::{ModuleRecord, Movement, WaySums},
    report::{Direction, Module, Stay},
    source::parents,
};

/// The most stays that are reported of all modules together: a file may have many modules that all inherit many stays.
const STAYS: usize = 1 << 20;

/// Whether the whereabouts of a module are those of the one that contains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inherited(pub(super) bool);

/// Every module that was defined or that something happened to, in the order of their ids.
pub(super) fn modules(movement: &Movement<'_>, names: &mut Names<'_>) -> Vec<(Module, Inherited)> {
    let records = &movement.modules;
    let moved =
        |id: &ModuleId| records.get(*id).is_some_and(|record| !record.whereabouts.resident.is_empty());
    let defined = names.definitions.module_ids();
    let ids: BTreeSet<ModuleId> = defined.into_iter().chain(records.iter().map(|(id, _)| id)).collect();
    // One list of stays serves a module and all that inherit it.
    let stays: HashMap<ModuleId, Arc<[Stay]>> =
        records.iter().map(|(id, record)| (id, record.whereabouts.stays().into())).collect();
    let mut room = STAYS;
    let mut modules: Vec<(Module, Inherited)> = ids
        .into_iter()
        .filter(|id| !id.is_none())
        .map(|id| {
            let mover = Some(id).filter(&moved).or_else(|| parents(names.definitions, id).find(&moved));
            let whereabouts = mover.and_then(|mover| Some((records.get(mover)?, stays.get(&mover)?.clone())));
            let length = whereabouts.as_ref().map_or(0, |(_, stays)| stays.len());
            let fits = room.checked_sub(length);
            room = fits.unwrap_or(room);
            let whereabouts = whereabouts.map(|(mover, stays)| (mover, fits.map(|_| stays)));
            (
                module(id, records.get(id), whereabouts, names),
                Inherited(mover.is_some_and(|mover| mover != id)),
            )
        })
        .collect();
    grow_with_parts(&mut modules);
    modules
}

/// A module that was named while parts of it were away (an engine may take them out for a while) is smaller than what came back: then it is as
/// large as its parts together. A part is named behind the whole.
fn grow_with_parts(modules: &mut [(Module, Inherited)]) {
    // Of each whole: what its parts come to, and the largest of them.
    let mut parts: HashMap<u32, (u64, u64)> = HashMap::new();
    for (module, _) in modules.iter_mut().rev() {
        let Some(bytes) = &mut module.bytes else { continue };
        if let Some((sum, largest)) = parts.get(&module.id).copied()
            && largest > bytes.0
        {
            bytes.0 = sum;
        }
        if let Some(whole) = module.parent_id {
            let (sum, largest) = parts.entry(whole).or_default();
            (*sum, *largest) = (sum.saturating_add(bytes.0), bytes.0.max(*largest));
        }
    }
}

fn module(
    id: ModuleId,
    record: Option<&ModuleRecord>,
    whereabouts: Option<(&ModuleRecord, Option<Arc<[Stay]>>)>,
    names: &mut Names<'_>,
) -> Module {
    let nothing = ModuleRecord::default();
    let record = record.unwrap_or(&nothing);
    let definition = names.definitions.module(id);
    let parent = definition.map(|d| ModuleId(d.parent)).filter(|id| !id.is_none());
    let fingerprint = definition.and_then(|definition| definition.fingerprint);
    let lost = definition.is_none().then_some("its definition is lost");
    let (mover, residency) = whereabouts.unzip();
    let residency_why = match &residency {
        None => Some("no transfer of it or of a module that contains it is recorded"),
        Some(None) => Some("there are too many modules with too many stays: see the module that contains it"),
        Some(Some(_)) => None,
    };
    Module {
        id: id.0,
        name: names.module(id),
        parent: parent.map(|parent| names.module(parent)),
        parent_why: lost.or(parent.is_none().then_some("it is a part of no other")),
        parent_id: parent.map(|id| id.0),
        bytes: definition.map(|definition| definition.size()),
        bytes_why: lost,
        fingerprint: fingerprint.map(|print| format!("{print:016x}")),
        fingerprint_why: lost.or(fingerprint.is_none().then_some("the engine gave none")),
        forwards: record.forwards,
        residency_why,
        residency: residency.flatten().unwrap_or_default(),
        residency_thinned: mover.is_some_and(|mover| mover.whereabouts.thinned),
        resident_ns: mover
            .map(|mover| {
                mover.whereabouts.resident.iter().map(|(tier, ns): &(Tier, Nanos)| (tier.to_string(), *ns))
            })
            .map(Iterator::collect)
            .unwrap_or_default(),
        loads: record.loads,
        evictions: record.evictions,
        by_direction: record.by_way.iter().map(|(way, sums)| (way.key(), direction(sums))).collect(),
        transfer_bytes: record.bytes,
        transfer_ns: record.ns,
        hidden_ns: record.hidden,
        stall_ns: record.waits.ns,
        stalls: record.waits.count,
        longest_stall_ns: record.waits.longest,
    }
}

fn direction(sums: &WaySums) -> Direction {
    let gbps = sums.speeds.bandwidth();
    Direction { count: sums.count, bytes: sums.bytes, ns: sums.ns, gbps: gbps.ok(), gbps_why: gbps.err() }
}
