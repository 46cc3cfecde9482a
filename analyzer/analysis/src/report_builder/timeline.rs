//! The timeline: tracks and instants.

use memtrace_format::{CounterId, ModuleId};

use crate::{
    Nanos,
    collectors::{Activity, Collectors, CounterRecord, Counters, HeapWatch, Movement, TRACKED},
    replay::ReplayHeap,
    report,
    timeline::{CounterTrack, Happening, HeapTrack, ModuleTrack, Sign, Timeline},
};

use super::{module::Inherited, names::Names, span};

/// The tracks of the first heaps.
pub(super) fn tracks(
    heaps: &[ReplayHeap],
    watches: &[HeapWatch],
    names: &mut Names<'_>,
    end: Nanos,
) -> Vec<HeapTrack> {
    let recorded = heaps.iter().zip(watches).filter_map(|(heap, watch)| Some((heap, watch.track.clone()?)));
    let finished = recorded.map(|(heap, track)| {
        let track = track.finish_heap(names.heap(heap.key), heap.state.segmented, end);
        if heap.state.requests_untold { track.without_requests() } else { track }
    });
    finished.collect()
}

/// The tracks of counters that have one, in the order of the report's.
fn counters(counters: &Counters, names: &Names<'_>, end: Nanos) -> Vec<CounterTrack> {
    let mut tracked: Vec<_> = counters.0.iter().filter(|(_, record)| record.track.is_some()).collect();
    tracked.sort_unstable_by_key(|(id, _)| **id);
    let finish = |(id, record): (&CounterId, &CounterRecord)| {
        let track = record.track.clone()?;
        let span::CounterName { name, device, unit } = span::counter_name(*id, names);
        Some(track.finish(name, device, unit, end))
    };
    tracked.into_iter().filter_map(finish).collect()
}

pub(super) fn timeline(
    collectors: &Collectors<'_>,
    heaps: Vec<HeapTrack>,
    modules: &[(report::Module, Inherited)],
    heap_reports: &[report::Heap],
    names: &mut Names<'_>,
    end: Nanos,
) -> Timeline {
    let mut instants = Vec::new();
    let marks = collectors.marks.instants.iter();
    for &(time, name, value) in marks.filter(|(_, name, _)| !span::is_note(names, *name)) {
        instants.push(Sign { time, what: Happening::Mark { name: names.definitions.name(name), value } });
    }
    for (failed, _) in &collectors.failures.kept {
        if let Some(heap) = heap_reports.get(failed.heap) {
            let what = Happening::OutOfMemory { heap: heap.name.clone(), requested: failed.requested };
            instants.push(Sign { time: failed.now.time, what });
        }
    }
    for swap in collectors.movement.swaps.costliest.kept() {
        let what = Happening::Swap {
            module: names.module(swap.module),
            evicted: swap.evicted.iter().map(|&module| names.module(module)).collect(),
            began: swap.began,
            bytes: swap.bytes,
            took: swap.took,
        };
        instants.push(Sign { time: swap.time, what });
    }
    instants.sort_by_key(|instant| instant.time);
    let failures_left_out = collectors.failures.total - collectors.failures.kept.len() as u64;
    Timeline {
        end,
        heaps_left_out: heap_reports.len().saturating_sub(TRACKED) as u64,
        heaps,
        modules: modules
            .iter()
            .map(|(module, inherited)| track(&collectors.movement, module, *inherited))
            .collect(),
        instants,
        ledgers: Vec::new(),
        counters: counters(&collectors.counters, names, end),
        instants_left_out: collectors.marks.left_out
            + collectors.movement.swaps.costliest.left_out
            + failures_left_out,
    }
}

fn track(movement: &Movement<'_>, module: &report::Module, Inherited(inherited): Inherited) -> ModuleTrack {
    let activity = movement.modules.get(ModuleId(module.id)).map(|record| &record.activity);
    let (moves, moves_left_out) = activity.map(Activity::moves).unwrap_or_default();
    ModuleTrack {
        id: module.id,
        name: module.name.clone(),
        parent: module.parent_id,
        stays: module.residency.clone(),
        inherited,
        thinned: module.residency_thinned,
        forwards: activity.map(Activity::ticks).unwrap_or_default().into(),
        moves: moves.into(),
        moves_left_out,
    }
}
