//! Growth in two runs: what each cycle leaves behind.

use memtrace_format::Bytes;
use serde::Serialize;

use super::{
    ShareDiff,
    change::{Change, Side, Sides, aligned, said},
    owners::retained,
};
use crate::{
    Text,
    report::{Cycle, CycleHeap, CycleSource, Report, Retained, Shape},
};

/// A cycle in both runs.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CycleDiff {
    /// Its name.
    pub name: Text,
    /// What it is.
    pub source: CycleSource,
    /// The run it is in, if it is in one only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_in: Option<Side>,
    /// How often it ended.
    pub count: Change<u64>,
    /// The heaps, by name.
    pub heaps: Vec<CycleHeapDiff>,
}

/// A heap over the ends of a cycle in both runs.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CycleHeapDiff {
    /// The heap.
    pub heap: Text,
    /// What was kept a cycle; what shrinks keeps nothing.
    pub retained_bytes_per_cycle: Change<Bytes>,
    /// Who kept it, by module, the largest change first.
    pub by_module: Vec<ShareDiff>,
    /// By scope.
    pub by_scope: Vec<ShareDiff>,
    /// By stack: the innermost frames.
    pub by_stack: Vec<ShareDiff>,
    /// What the course comes to in A.
    pub a_shape: Option<Shape>,
    /// What it comes to in B.
    pub b_shape: Option<Shape>,
}

pub(super) fn cycles(a: &Report, b: &Report) -> Vec<CycleDiff> {
    let named = |report: &'_ Report| -> Vec<((Text, CycleSource), Cycle)> {
        report.growth.cycles.iter().map(|cycle| ((cycle.name.clone(), cycle.source), cycle.clone())).collect()
    };
    let cycles = aligned(named(a), named(b)).into_iter();
    cycles
        .map(|((name, source), sides)| CycleDiff {
            name,
            source,
            only_in: sides.only_in(),
            count: sides.change(|cycle| cycle.count),
            heaps: heaps(sides.a.as_ref(), sides.b.as_ref()),
        })
        .collect()
}

fn heaps(a: Option<&Cycle>, b: Option<&Cycle>) -> Vec<CycleHeapDiff> {
    fn named(cycle: Option<&Cycle>) -> impl Iterator<Item = (Text, &CycleHeap)> {
        cycle.into_iter().flat_map(|cycle| &cycle.heaps).map(|heap| (heap.heap.clone(), heap))
    }
    let kept = |heap: &&CycleHeap| {
        let trend = &heap.trend;
        let kept = trend.retained_bytes_per_cycle.map(|kept| Bytes(u64::try_from(kept).unwrap_or(0)));
        said(kept, trend.retained_bytes_per_cycle_why)
    };
    let heaps = aligned(named(a), named(b)).into_iter();
    heaps
        .map(|(heap, sides)| CycleHeapDiff {
            heap,
            retained_bytes_per_cycle: sides.change_if_known(kept),
            by_module: owners(&sides, |heap| &heap.by_module),
            by_scope: owners(&sides, |heap| &heap.by_scope),
            by_stack: owners(&sides, |heap| &heap.by_stack),
            a_shape: sides.a.map(|heap| heap.trend.shape),
            b_shape: sides.b.map(|heap| heap.trend.shape),
        })
        .collect()
}

/// Where it is not known what was kept, it is not known by whom.
fn owners(sides: &Sides<&CycleHeap>, of: fn(&CycleHeap) -> &Vec<Retained>) -> Vec<ShareDiff> {
    let [a, b] = [sides.a, sides.b].map(|heap| {
        heap.filter(|heap| heap.trend.retained_bytes_per_cycle.is_some()).map(|heap| &of(heap)[..])
    });
    retained(a, b)
}
