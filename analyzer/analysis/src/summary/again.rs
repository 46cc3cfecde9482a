//! What is looked at again, behind one event of a heap: whose the lesser peaks were, and how the segments were filled.

use super::{breakdown::breakdown, fragmentation::layout, instant::picture_of, names::Names};
use crate::{
    Nanos,
    replay::{Heap, Replay},
    report,
    revisit::Stop,
};

/// Heaps beyond so many, in the order of their first events, are not looked at again: how many there are is the file's choice.
pub(super) const HEAPS: usize = 16;

/// The most owners that are listed of a lesser peak.
pub(super) const SHARES: usize = 20;

/// What is to be filled in.
#[derive(Clone, Copy, Debug)]
enum Gap {
    /// How the segments were filled at the peak.
    AtPeak,
    /// How they were filled when the heap was most fragmented.
    Worst,
    /// How they were filled when blocks kept the most of what was free.
    MostPinned,
    /// Whose the peak of this rank was.
    Peak(usize),
}

/// What of a report is to be looked at again.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    stops: Vec<Stop>,
    gaps: Vec<Gap>,
}

impl Gaps {
    /// What is to be looked at again in this heap.
    pub(super) fn add(&mut self, index: usize, heap: &mut Heap) {
        if index >= HEAPS {
            return;
        }
        let mut add = |time, event, gap| {
            self.stops.push(Stop { time, heap: index, event });
            self.gaps.push(gap);
        };
        let watch = &mut heap.watch;
        if heap.state.segmented {
            add(watch.peak.time, watch.peak.event, Gap::AtPeak);
            add(watch.worst.time, watch.worst_event, Gap::Worst);
            add(watch.most_pinned.time, watch.most_pinned_event, Gap::MostPinned);
        }
        // Whose the highest was is known from the first pass.
        for (rank, summit) in watch.peaks.finish().0.iter().enumerate().skip(1) {
            add(summit.time, summit.event, Gap::Peak(rank));
        }
    }

    pub(super) fn stops(&self) -> &[Stop] {
        &self.stops
    }

    /// Fills in what the replay shows that stands at the stop of this number.
    pub(super) fn fill(&self, number: usize, replay: &Replay<'_>, heaps: &mut [report::Heap]) {
        let (Some(stop), Some(gap)) = (self.stops.get(number), self.gaps.get(number)) else { return };
        let (Some(heap), Some(report)) = (replay.heaps.get(stop.heap), heaps.get_mut(stop.heap)) else {
            return;
        };
        let mut names = Names::of(replay);
        match (gap, &mut report.fragmentation) {
            (Gap::AtPeak, Some(fragmentation)) => {
                fragmentation.at_peak.layout = layout_of(heap, stop.time, &mut names);
            }
            (Gap::Worst, Some(fragmentation)) => {
                fragmentation.worst.layout = layout_of(heap, stop.time, &mut names);
            }
            (Gap::MostPinned, Some(fragmentation)) => {
                fragmentation.most_pinned.layout = layout_of(heap, stop.time, &mut names);
            }
            (Gap::Peak(rank), _) => {
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
pub(super) fn layout_of(heap: &Heap, time: Nanos, names: &mut Names<'_>) -> report::Layout {
    let instant = picture_of(std::slice::from_ref(heap), time, names);
    layout(&instant.heaps[0], &instant.owners, time, names)
}
