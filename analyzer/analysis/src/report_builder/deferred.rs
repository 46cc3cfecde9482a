//! Details that the second pass fills in: the owners of the lesser peaks, how segments were filled, and what was left of each cycle.

use super::{
    breakdown::breakdown, fragmentation::layout, growth::Births, names::Names, snapshot::snapshot_of,
};
use crate::{
    Nanos,
    collectors::HeapWatch,
    model::Waypoint,
    replay::{Replay, ReplayHeap},
    report,
};

/// Heaps beyond so many, in the order of their first events, are not looked at again: how many there are is the file's choice.
pub(super) const HEAPS: usize = 16;

/// The most owners that are listed of a lesser peak.
pub(super) const SHARES: usize = 20;

/// What is to be filled in.
#[derive(Clone, Debug)]
enum DeferredDetail {
    /// How the segments were filled at the peak.
    AtPeak,
    /// How they were filled when the heap was most fragmented.
    Worst,
    /// How they were filled when blocks kept the most of what was free.
    MostPinned,
    /// Whose the peak of this rank was.
    Peak(usize),
    /// What was left of each cycle of this place, which ended then.
    Survivors { cycle: usize, ends: Vec<(Nanos, u64)> },
}

/// What of a report is to be looked at again.
#[derive(Debug, Default)]
pub(crate) struct DeferredDetails {
    stops: Vec<Waypoint>,
    gaps: Vec<DeferredDetail>,
}

impl DeferredDetails {
    /// What is to be looked at again in this heap.
    pub(super) fn add(&mut self, index: usize, heap: &ReplayHeap, watch: &mut HeapWatch) {
        if index >= HEAPS {
            return;
        }
        let mut add = |time, event, gap| {
            self.stops.push(Waypoint { time, heap: index, event });
            self.gaps.push(gap);
        };
        if heap.state.segmented {
            add(watch.peak.time, watch.peak.event, DeferredDetail::AtPeak);
            add(watch.worst.time, watch.worst_event, DeferredDetail::Worst);
            add(watch.most_pinned.time, watch.most_pinned_event, DeferredDetail::MostPinned);
        }
        // Whose the highest was is known from the first pass.
        for (rank, record) in watch.peaks.finish().0.iter().enumerate().skip(1) {
            add(record.time, record.event, DeferredDetail::Peak(rank));
        }
    }

    /// At the last end of a cycle it is to be looked at what is left of each in a heap.
    pub(super) fn add_survivors(
        &mut self,
        cycle: usize,
        (time, heap, event): (Nanos, usize, u64),
        ends: Vec<(Nanos, u64)>,
    ) {
        self.stops.push(Waypoint { time, heap, event });
        self.gaps.push(DeferredDetail::Survivors { cycle, ends });
    }

    pub(crate) fn stops(&self) -> &[Waypoint] {
        &self.stops
    }

    /// Fills in what the replay shows that stands at the stop of this number.
    pub(crate) fn fill(&self, number: usize, replay: &Replay<'_>, report: &mut report::Report) {
        let (Some(stop), Some(gap)) = (self.stops.get(number), self.gaps.get(number)) else { return };
        let Some(heap) = replay.heaps.get(stop.heap) else { return };
        if let DeferredDetail::Survivors { cycle, ends } = gap {
            let cycle = report.growth.cycles.get_mut(*cycle);
            if let Some(found) = cycle.and_then(|cycle| cycle.heaps.get_mut(stop.heap)) {
                found.survivors = Births::of(heap).survivors(ends);
            }
            return;
        }
        let Some(report) = report.heaps.get_mut(stop.heap) else { return };
        let mut names = Names::of(replay);
        match (gap, &mut report.fragmentation) {
            (DeferredDetail::AtPeak, Some(fragmentation)) => {
                fragmentation.at_peak.layout = layout_of(heap, stop.time, &mut names);
            }
            (DeferredDetail::Worst, Some(fragmentation)) => {
                fragmentation.worst.layout = layout_of(heap, stop.time, &mut names);
            }
            (DeferredDetail::MostPinned, Some(fragmentation)) => {
                fragmentation.most_pinned.layout = layout_of(heap, stop.time, &mut names);
            }
            (DeferredDetail::Peak(rank), _) => {
                let Some(peak) = report.peaks.get_mut(*rank) else { return };
                let by = heap.state.by;
                let counted = heap.state.blocks().filter(|(_, block)| heap.state.counts(block));
                let blocks = counted.map(|(_, block)| block);
                peak.breakdown = breakdown(blocks, by, stop.time, SHARES, &mut names);
                peak.breakdown_why = None;
            }
            _ => {}
        }
    }
}

/// How the segments of a heap are filled.
pub(super) fn layout_of(heap: &ReplayHeap, time: Nanos, names: &mut Names<'_>) -> report::Layout {
    let instant = snapshot_of(std::slice::from_ref(heap), time, names);
    layout(&instant.heaps[0], &instant.owners, time, names)
}
