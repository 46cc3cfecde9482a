//! Matches the parts of two reports.

use std::{cmp::Reverse, collections::BTreeMap};

use memtrace_format::Bytes;
use serde::Serialize;

use super::{
    change::{Change, Side, Sides, aligned, said},
    owners::{ShareDiff, StackDiff, shares, stacks},
};
use crate::{
    Nanos, Text,
    report::{Heap, HeapInPhase, Module, Phase, Report, Swaps, Thrash},
};

/// A heap in both runs.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct HeapDiff {
    /// Its name.
    pub name: Text,
    /// The run it is in, if it is in one only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_in: Option<Side>,
    /// Whether it is a device's.
    pub of_device: bool,
    /// The most that was allocated at once.
    pub peak_allocated_bytes: Change<Bytes>,
    /// The most that was reserved at once.
    pub peak_reserved_bytes: Change<Bytes>,
    /// What was allocated at the end.
    pub end_allocated_bytes: Change<Bytes>,
    /// What was reserved at the end.
    pub end_reserved_bytes: Change<Bytes>,
    /// The owners of the two peaks by module, the largest change first.
    pub peak_by_module: Vec<ShareDiff>,
    /// The owners of the two peaks by scope, the largest change first.
    pub peak_by_scope: Vec<ShareDiff>,
    /// The stacks that asked for the two peaks, the largest change first.
    pub peak_by_stack: Vec<StackDiff>,
}

/// The modules of one name in both runs.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ModuleDiff {
    /// Their name.
    pub name: Text,
    /// The run they are in, if it is one only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_in: Option<Side>,
    /// How many of the name there were.
    pub instances: Change<u64>,
    /// Their forwards.
    pub forwards: Change<u64>,
    /// Transfers to a device.
    pub loads: Change<u64>,
    /// Transfers from a device.
    pub evictions: Change<u64>,
    /// The bytes of all transfers.
    pub transfer_bytes: Change<Bytes>,
    /// The time of all transfers.
    pub transfer_ns: Change<Nanos>,
}

/// The transfers of both runs.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct TransfersDiff {
    /// How many.
    pub count: Change<u64>,
    /// What they moved.
    pub bytes: Change<Bytes>,
    /// The sum of their durations.
    pub ns: Change<Nanos>,
    /// The time that forwards waited for their weights.
    pub stall_ns: Change<Nanos>,
    /// Bytes whose host end was ordinary memory.
    pub pageable_bytes: Change<Bytes>,
    /// Bytes whose host end was page-locked memory.
    pub pinned_bytes: Change<Bytes>,
    /// By the ends they went between; those that there are.
    pub by_direction: Vec<DirectionDiff>,
}

/// The transfers of one direction.
#[derive(Clone, Debug, Serialize)]
pub struct DirectionDiff {
    /// `h2d`, `d2h`, `d2d`, `h2h`, `disk` or `other`.
    pub direction: &'static str,
    /// How many.
    pub count: Change<u64>,
    /// What they moved.
    pub bytes: Change<Bytes>,
}

/// The swaps of both runs.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct SwapsDiff {
    /// How many.
    pub count: Change<u64>,
    /// What they moved, both ways.
    pub bytes: Change<Bytes>,
    /// The durations of their transfers.
    pub ns: Change<Nanos>,
    /// The part of that which a forward waited for.
    pub stall_ns: Change<Nanos>,
    /// Reloads of what had been evicted in the same use cycle.
    pub thrash_count: Change<u64>,
    /// What those moved, both ways.
    pub thrash_bytes: Change<Bytes>,
}

/// A phase in both runs.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct PhaseDiff {
    /// Its name.
    pub name: Text,
    /// Which of its name, from 0 in the order in which they began.
    pub ordinal: u64,
    /// The run it is in, if it is in one only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_in: Option<Side>,
    /// How long it took.
    pub duration_ns: Change<Nanos>,
    /// The heaps, by name.
    pub heaps: Vec<HeapInPhaseDiff>,
}

/// A heap during a phase.
#[derive(Clone, Debug, Serialize)]
pub struct HeapInPhaseDiff {
    /// The heap.
    pub heap: Text,
    /// The most allocated bytes.
    pub peak_allocated_bytes: Change<Bytes>,
    /// The most reserved bytes.
    pub peak_reserved_bytes: Change<Bytes>,
    /// Allocated bytes when it ended.
    pub end_allocated_bytes: Change<Bytes>,
}

pub(super) fn heaps(a: &Report, b: &Report) -> Vec<HeapDiff> {
    fn named(report: &Report) -> impl Iterator<Item = (Text, &Heap)> {
        report.heaps.iter().map(|heap| (heap.name.clone(), heap))
    }
    let heaps = aligned(named(a), named(b)).into_iter();
    let mut heaps: Vec<HeapDiff> = heaps.map(|(name, sides)| heap(name, &sides)).collect();
    heaps.sort_by_key(|heap| !heap.of_device);
    heaps
}

fn heap(name: Text, sides: &Sides<&Heap>) -> HeapDiff {
    let [a, b] = [sides.a, sides.b].map(|heap| heap.map(|heap| &heap.peak));
    HeapDiff {
        name,
        only_in: sides.only_in(),
        of_device: sides.a.iter().chain(&sides.b).any(|heap| heap.device.is_some()),
        peak_allocated_bytes: sides.change(|heap| heap.peak.figures.allocated_bytes),
        peak_reserved_bytes: sides
            .change_if_known(|heap| said(heap.reserved_peak.map(|peak| peak.bytes), heap.reserved_peak_why)),
        end_allocated_bytes: sides.change(|heap| heap.end.allocated_bytes),
        end_reserved_bytes: sides
            .change_if_known(|heap| said(heap.end.reserved_bytes, heap.end.reserved_bytes_why)),
        peak_by_module: shares(a.map(|peak| &peak.by_module[..]), b.map(|peak| &peak.by_module[..])),
        peak_by_scope: shares(a.map(|peak| &peak.by_scope[..]), b.map(|peak| &peak.by_scope[..])),
        peak_by_stack: stacks(a.map(|peak| &peak.by_stack[..]), b.map(|peak| &peak.by_stack[..])),
    }
}

/// The modules of one name.
#[derive(Clone, Copy, Debug, Default)]
struct ModuleSums {
    instances: u64,
    forwards: u64,
    loads: u64,
    evictions: u64,
    bytes: Bytes,
    ns: Nanos,
}

pub(super) fn modules(a: &Report, b: &Report) -> Vec<ModuleDiff> {
    let mut modules: Vec<ModuleDiff> = aligned(sums(&a.modules), sums(&b.modules))
        .into_iter()
        .map(|(name, sides)| ModuleDiff {
            name,
            only_in: sides.only_in(),
            instances: sides.change(|sums| sums.instances),
            forwards: sides.change(|sums| sums.forwards),
            loads: sides.change(|sums| sums.loads),
            evictions: sides.change(|sums| sums.evictions),
            transfer_bytes: sides.change(|sums| sums.bytes),
            transfer_ns: sides.change(|sums| sums.ns),
        })
        .collect();
    modules.sort_by_key(|module| Reverse(module.transfer_bytes.size()));
    modules
}

fn sums(modules: &[Module]) -> BTreeMap<Text, ModuleSums> {
    let mut all: BTreeMap<Text, ModuleSums> = BTreeMap::new();
    for module in modules {
        let sums = all.entry(module.name.clone()).or_default();
        sums.instances += 1;
        sums.forwards += module.forwards;
        sums.loads += module.loads;
        sums.evictions += module.evictions;
        sums.bytes.0 = sums.bytes.0.saturating_add(module.transfer_bytes.0);
        sums.ns = sums.ns.plus(module.transfer_ns);
    }
    all
}

pub(super) fn transfers(a: &Report, b: &Report) -> TransfersDiff {
    let sides = Sides::both(&a.transfers, &b.transfers);
    let (in_a, in_b) = (&a.transfers.by_direction, &b.transfers.by_direction);
    let directions = [
        ("h2d", &in_a.h2d, &in_b.h2d),
        ("d2h", &in_a.d2h, &in_b.d2h),
        ("d2d", &in_a.d2d, &in_b.d2d),
        ("h2h", &in_a.h2h, &in_b.h2h),
        ("disk", &in_a.disk, &in_b.disk),
        ("other", &in_a.other, &in_b.other),
    ];
    let by_direction = directions.into_iter().map(|(direction, a, b)| {
        let sides = Sides::both(a, b);
        DirectionDiff { direction, count: sides.change(|of| of.count), bytes: sides.change(|of| of.bytes) }
    });
    TransfersDiff {
        count: sides.change(|transfers| transfers.count),
        bytes: sides.change(|transfers| transfers.bytes),
        ns: sides.change(|transfers| transfers.ns),
        stall_ns: sides.change(|transfers| transfers.stall_ns),
        pageable_bytes: sides.change(|transfers| transfers.pageable_bytes),
        pinned_bytes: sides.change(|transfers| transfers.pinned_bytes),
        by_direction: by_direction.filter(|of| (of.count.a, of.count.b) != (Some(0), Some(0))).collect(),
    }
}

pub(super) fn swaps(a: &Report, b: &Report) -> SwapsDiff {
    let sides = Sides::both(&a.swaps, &b.swaps);
    let thrash = |swaps: &&Swaps| said::<Thrash>(swaps.thrash, swaps.thrash_why);
    SwapsDiff {
        count: sides.change(|swaps| swaps.count),
        bytes: sides.change(|swaps| swaps.bytes),
        ns: sides.change(|swaps| swaps.ns),
        stall_ns: sides.change(|swaps| swaps.stall_ns),
        thrash_count: sides.change_if_known(|swaps| thrash(swaps).map(|thrash| thrash.count)),
        thrash_bytes: sides.change_if_known(|swaps| thrash(swaps).map(|thrash| thrash.bytes)),
    }
}

/// The phases. Where some were left out, ordinals would not match.
pub(super) fn phases(a: &Report, b: &Report) -> (Vec<PhaseDiff>, Option<&'static str>) {
    if [a, b].iter().any(|report| report.phases_total != report.phases.len() as u64) {
        return (Vec::new(), Some("a run has more phases than a report keeps"));
    }
    let phases = aligned(numbered(&a.phases), numbered(&b.phases)).into_iter();
    let phases = phases.map(|((name, ordinal), sides)| PhaseDiff {
        name,
        ordinal,
        only_in: sides.only_in(),
        duration_ns: sides.change(|phase| phase.to_ns.since(phase.from_ns)),
        heaps: heaps_in_phase(&sides),
    });
    (phases.collect(), None)
}

fn numbered(phases: &[Phase]) -> impl Iterator<Item = ((Text, u64), &Phase)> {
    let mut begun: BTreeMap<&str, u64> = BTreeMap::new();
    phases.iter().map(move |phase| {
        let next = begun.entry(phase.name.recorded()).or_default();
        let ordinal = *next;
        *next += 1;
        ((phase.name.clone(), ordinal), phase)
    })
}

fn heaps_in_phase(sides: &Sides<&Phase>) -> Vec<HeapInPhaseDiff> {
    fn named(phase: Option<&Phase>) -> impl Iterator<Item = (Text, &HeapInPhase)> {
        phase.into_iter().flat_map(|phase| &phase.heaps).map(|heap| (heap.heap.clone(), heap))
    }
    let heaps = aligned(named(sides.a), named(sides.b)).into_iter();
    heaps
        .map(|(heap, sides)| HeapInPhaseDiff {
            heap,
            peak_allocated_bytes: sides.change(|heap| heap.peak_allocated_bytes),
            peak_reserved_bytes: sides
                .change_if_known(|heap| said(heap.peak_reserved_bytes, heap.peak_reserved_bytes_why)),
            end_allocated_bytes: sides.change(|heap| heap.at_end.allocated_bytes),
        })
        .collect()
}
