//! A run, and what of it every view looks at: the cursor, the times on the screen, the range, the heap.

use std::{collections::BTreeMap, sync::Arc};

use memtrace_analysis::{
    Analysis, Checkpoints, Nanos, Text, Trace,
    events::EventPlace,
    report::{Heap, Report},
    timeline::{HeapTrack, Timeline},
};

use super::{
    action::Side,
    goal::Goal,
    module_tree::ModuleTree,
    phase_lanes::PhaseLanes,
    range_worker::{self, RangeFigures, RangeWorker},
    snapshot_cache::{SnapshotPoint, Snapshots},
    wake::Wake,
    window::{TimeRange, Window},
};

/// The finest range that zooming gives, in units of what the recording tells apart.
const FINEST_BINS: u64 = 16;

/// An analysis with the place in it that every view shows.
#[derive(Debug)]
pub(crate) struct OpenRun {
    /// Figures and names, of the whole run; [`OpenRun::figures`] has those of the range.
    pub(crate) report: Report,
    /// The course of the run.
    pub(crate) timeline: Timeline,
    /// The modules in the order of their rows.
    pub(crate) tree: ModuleTree,
    /// The phases in rows.
    pub(crate) lanes: PhaseLanes,
    /// The times on the screen.
    pub(crate) window: Window,
    /// The instant that is looked at.
    pub(crate) cursor: Nanos,
    /// The event that is looked at, where one is meant and not all of an instant.
    place: Option<EventPlace>,
    /// The range that all views tell of; none: the whole run.
    pub(crate) range: Option<TimeRange>,
    /// Its figures.
    counted: Option<(TimeRange, Result<RangeFigures, String>)>,
    /// The range whose figures were asked for last.
    asked: Option<TimeRange>,
    /// The worker that counts, started with the first range.
    ranging: Option<RangeWorker>,
    /// The instants that the user has named.
    pub(crate) marks: BTreeMap<char, Nanos>,
    /// The heap that is looked at, by its place in the report.
    pub(crate) heap: usize,
    /// The last search text.
    pub(crate) search: String,
    /// The states at instants, for workers that look at them; none without a trace.
    pub(crate) snapshots: Option<Arc<Snapshots>>,
    /// The trace, for workers that replay; none in tests that made the analysis by hand.
    pub(crate) trace: Option<Arc<Trace>>,
    /// A handle with which workers wake the UI.
    pub(crate) wake: Wake,
}

/// The progress of the range's figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Counting {
    /// The share that is counted, in percent.
    Percent(u64),
    /// They are there.
    Counted,
    /// They cannot be had.
    Failed(String),
}

impl OpenRun {
    /// Looks at the peak of the heap that matters most: the fullest device, or the fullest heap.
    pub(crate) fn new(analysis: Analysis, trace: Option<Arc<Trace>>, wake: Wake) -> Self {
        let Analysis { report, timeline, checkpoints, .. } = analysis;
        let mut window = Window::whole(timeline.end, finest(&timeline));
        // Before what a ring kept there is nothing to see.
        if let Some(from) = trace.as_ref().and_then(|trace| trace.kept_from()) {
            window.show(from, timeline.end);
        }
        let heap = report.heaps.iter().enumerate().max_by_key(|(index, heap)| {
            (heap.kind == "device", heap.peak.figures.allocated_bytes, std::cmp::Reverse(*index))
        });
        let heap = heap.map_or(0, |(index, _)| index);
        let snapshots = snapshots(trace.as_ref(), checkpoints);
        let mut run = Self {
            tree: ModuleTree::new(&timeline.modules),
            lanes: PhaseLanes::new(&report.phases),
            window,
            cursor: Nanos(0),
            place: None,
            range: None,
            counted: None,
            asked: None,
            ranging: None,
            marks: BTreeMap::new(),
            heap,
            search: String::new(),
            snapshots,
            trace,
            wake,
            report,
            timeline,
        };
        run.visit_peak();
        run
    }

    /// Takes a longer analysis of the same run. Cursor, range and heap stay; a cursor at the end stays at the end.
    pub(crate) fn renew(&mut self, analysis: Analysis, trace: Option<Arc<Trace>>) {
        let Analysis { report, timeline, checkpoints, .. } = analysis;
        let at_end = self.cursor == self.timeline.end;
        let heap = self.heap().map(|heap| heap.name.clone());
        self.window.lengthen(timeline.end, finest(&timeline));
        self.tree = ModuleTree::new(&timeline.modules);
        self.lanes = PhaseLanes::new(&report.phases);
        (self.report, self.timeline) = (report, timeline);
        self.snapshots = snapshots(trace.as_ref(), checkpoints);
        self.trace = trace;
        let same = |name: Text| self.report.heaps.iter().position(|heap| heap.name == name);
        self.heap = heap.and_then(same).unwrap_or(0);
        // The range may have had more in it than was written.
        (self.counted, self.asked) = (None, None);
        self.ranging = None;
        if at_end {
            self.visit_edge(Side::Forward);
        }
    }

    /// The figures of the range, or of the whole run. Those of the range take time to count: until then they are of the
    /// whole run, and the header says so; then every view is prepared anew.
    pub(crate) fn figures(&self) -> &Report {
        self.range_figures().map_or(&self.report, |figures| &figures.report)
    }

    /// Their phases in rows.
    pub(crate) fn figure_lanes(&self) -> &PhaseLanes {
        self.range_figures().map_or(&self.lanes, |figures| &figures.lanes)
    }

    fn range_figures(&self) -> Option<&RangeFigures> {
        match &self.counted {
            Some((range, Ok(figures))) if Some(*range) == self.range => Some(figures),
            _ => None,
        }
    }

    /// The figures of the heap that is looked at, if anything is known of it in the range.
    pub(crate) fn heap_figures(&self) -> Option<&Heap> {
        let name = &self.heap()?.name;
        self.figures().heaps.iter().find(|heap| heap.name == *name)
    }

    /// Returns the progress of the range's figures; none if there is no range.
    pub(crate) fn counting(&self) -> Option<Counting> {
        let range = self.range?;
        Some(match &self.counted {
            Some((counted, figures)) if *counted == range => match figures {
                Ok(_) => Counting::Counted,
                Err(why) => Counting::Failed(why.clone()),
            },
            _ => Counting::Percent(self.ranging.as_ref().map_or(0, RangeWorker::so_far)),
        })
    }

    /// Has the range counted that is chosen now. True: the figures are those of something else than before.
    pub(crate) fn choose_range(&mut self) -> bool {
        let counted = self.counted.as_ref().map(|(range, _)| *range);
        if counted == self.range && self.asked == self.range {
            return false;
        }
        let answer = self.ranging.as_mut().and_then(|ranging| ranging.answers().last());
        let answer = answer.and_then(|answer| match answer {
            Ok((range, figures)) => Some((range, Ok(figures))),
            Err(why) => self.asked.map(|range| (range, Err(why))),
        });
        if let Some(counted) = answer.filter(|(range, _)| Some(*range) == self.range) {
            self.counted = Some(counted);
            return true;
        }
        let changed = self.asked != self.range;
        self.asked = self.range;
        match (self.range, &self.trace) {
            (Some(range), Some(trace)) if changed => {
                let ranging = self.ranging.get_or_insert_with(|| range_worker::start(self.wake.clone()));
                ranging.ask((Arc::clone(trace), range));
            }
            (None, _) => self.ranging = None,
            _ => {}
        }
        changed && self.counted.take().is_some()
    }

    /// The heap that is looked at, if there is any.
    pub(crate) fn heap(&self) -> Option<&Heap> {
        self.report.heaps.get(self.heap)
    }

    /// Its course.
    pub(crate) fn track(&self) -> Option<&HeapTrack> {
        self.timeline.heaps.get(self.heap)
    }

    /// Moves the cursor by columns of a chart that has so many.
    pub(crate) fn move_cursor(&mut self, by: i32, columns: u16) {
        let distance = self.window.step(columns).0.saturating_mul(u64::from(by.unsigned_abs()));
        let time = if by < 0 {
            self.cursor.0.saturating_sub(distance)
        } else {
            self.cursor.0.saturating_add(distance)
        };
        self.cursor = Nanos(time.min(self.timeline.end.0));
        self.window.follow(self.cursor);
    }

    /// Moves the cursor to the start or the end.
    pub(crate) fn visit_edge(&mut self, side: Side) {
        self.visit(match side {
            Side::Back => Nanos(0),
            Side::Forward => self.timeline.end,
        });
    }

    /// Shows an earlier or later range; the cursor stays on the screen.
    pub(crate) fn pan(&mut self, side: Side) {
        self.window.pan(side);
        self.cursor = self.window.nearest(self.cursor);
    }

    /// Moves the cursor to the peak of the heap.
    pub(crate) fn visit_peak(&mut self) {
        if let Some(heap) = self.heap() {
            self.visit(heap.peak.time_ns);
        }
    }

    /// Moves the cursor to the nearest event on that side, if there is one.
    pub(crate) fn visit_event(&mut self, side: Side) {
        let instants = &self.timeline.instants;
        let event = match side {
            Side::Back => {
                let before = instants.partition_point(|instant| instant.time < self.cursor);
                before.checked_sub(1).and_then(|index| instants.get(index))
            }
            Side::Forward => instants.get(instants.partition_point(|instant| instant.time <= self.cursor)),
        };
        if let Some(event) = event {
            self.visit(event.time);
        }
    }

    /// Selects the next heap, around the end.
    pub(crate) fn turn_heap(&mut self, side: Side) {
        let heaps = self.report.heaps.len().max(1);
        self.heap = match side {
            Side::Back => (self.heap + heaps - 1) % heaps,
            Side::Forward => (self.heap + 1) % heaps,
        };
    }

    /// Selects the heap and the time of a goal.
    pub(crate) fn visit_goal(&mut self, goal: &Goal) {
        let named = |name: &Text| self.report.heaps.iter().position(|heap| heap.name == *name);
        if let Some(heap) = goal.heap.as_ref().and_then(named) {
            self.heap = heap;
        }
        if let Some(time) = goal.time {
            self.visit(time);
        }
    }

    /// Moves the cursor to an event.
    pub(crate) fn visit_place(&mut self, place: EventPlace) {
        self.visit(place.time);
        self.place = Some(place);
    }

    /// The event under the cursor, if one is meant; else the last of the cursor's instant.
    pub(crate) fn place(&self) -> EventPlace {
        let all = EventPlace { time: self.cursor, rank: u64::MAX };
        self.place.filter(|place| place.time == self.cursor).unwrap_or(all)
    }

    /// The state that is looked at: on the instant of the heap's peak it is the peak, unless another event is meant.
    pub(crate) fn spot(&self) -> SnapshotPoint {
        let peaks = self.heap().map_or(&[][..], |heap| &heap.peaks);
        let peaks = peaks.iter().map(|peak| self.peak_at(peak.time_ns, peak.event_index));
        let here = self.peak().into_iter().chain(peaks).find(|peak| peak.time() == self.cursor);
        here.filter(|_| self.place().rank == u64::MAX).unwrap_or(SnapshotPoint::Behind(self.place()))
    }

    /// To the highest of the heap's distinct peaks that is lower than the one under the cursor, around the end. Which it is,
    /// counted from 1, and of how many; none: there is but one.
    pub(crate) fn visit_next_peak(&mut self) -> Option<(usize, usize)> {
        let peaks = &self.heap()?.peaks;
        let here = peaks.iter().position(|peak| peak.time_ns == self.cursor);
        let next = here.map_or(0, |here| here + 1) % peaks.len().max(1);
        let (time, of) = (peaks.get(next)?.time_ns, peaks.len());
        self.visit(time);
        self.place = None;
        (of > 1).then_some((next + 1, of))
    }

    fn peak_at(&self, time: Nanos, event_index: u64) -> SnapshotPoint {
        SnapshotPoint::Peak { time, heap: self.heap, event_index }
    }

    /// The peak of the heap.
    pub(crate) fn peak(&self) -> Option<SnapshotPoint> {
        let peak = &self.heap()?.peak;
        Some(self.peak_at(peak.time_ns, peak.event_index))
    }

    /// Moves the cursor to an instant.
    pub(crate) fn visit(&mut self, time: Nanos) {
        self.cursor = Nanos(time.0.min(self.timeline.end.0));
        self.window.centre(self.cursor);
    }
}

fn snapshots(trace: Option<&Arc<Trace>>, checkpoints: Checkpoints) -> Option<Arc<Snapshots>> {
    trace.map(|trace| Arc::new(Snapshots::new(Arc::clone(trace), Arc::new(checkpoints))))
}

fn finest(timeline: &Timeline) -> Nanos {
    let bin = timeline.heaps.iter().map(HeapTrack::resolution).min().unwrap_or(Nanos(1));
    Nanos(bin.0.saturating_mul(FINEST_BINS))
}
