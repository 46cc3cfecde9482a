//! A run, and what of it is looked at: the cursor, the range of time, the heap.

use super::{action::Side, module_tree::ModuleTree, phase_lanes::PhaseLanes, window::Window};
use crate::{
    Analysis, Nanos,
    report::{Heap, Report},
    timeline::{HeapTrack, Timeline},
};

/// The finest range that zooming gives, in units of what the recording tells apart.
const FINEST_BINS: u64 = 16;

/// An analysis with the place in it that every view shows.
#[derive(Debug)]
pub(crate) struct Run {
    /// Figures and names.
    pub(crate) report: Report,
    /// The course of the run.
    pub(crate) timeline: Timeline,
    /// The modules in the order of their rows.
    pub(crate) tree: ModuleTree,
    /// The phases in rows.
    pub(crate) lanes: PhaseLanes,
    /// The range of time that is looked at.
    pub(crate) window: Window,
    /// The instant that is looked at.
    pub(crate) cursor: Nanos,
    /// The heap that is looked at, by its place in the report.
    pub(crate) heap: usize,
    /// The first line of the overview on the screen.
    pub(crate) overview_scroll: u16,
    /// The first module's row on the screen.
    pub(crate) modules_scroll: usize,
}

impl Run {
    /// Looks at the peak of the heap that matters most: the fullest device, or the fullest heap.
    pub(crate) fn new(analysis: Analysis) -> Self {
        let Analysis { report, timeline, .. } = analysis;
        let heap = report.heaps.iter().enumerate().max_by_key(|(index, heap)| {
            (heap.kind == "device", heap.peak.figures.allocated_bytes, std::cmp::Reverse(*index))
        });
        let heap = heap.map_or(0, |(index, _)| index);
        let bin = timeline.heaps.iter().map(HeapTrack::resolution).min().unwrap_or(Nanos(1));
        let mut run = Self {
            tree: ModuleTree::new(&timeline.modules),
            lanes: PhaseLanes::new(&report.phases),
            window: Window::whole(timeline.end, Nanos(bin.0.saturating_mul(FINEST_BINS))),
            cursor: Nanos(0),
            heap,
            overview_scroll: 0,
            modules_scroll: 0,
            report,
            timeline,
        };
        run.visit_peak();
        run
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

    /// To the start or the end.
    pub(crate) fn visit_edge(&mut self, side: Side) {
        self.visit(match side {
            Side::Back => Nanos(0),
            Side::Forward => self.timeline.end,
        });
    }

    /// To another range; the cursor stays on the screen.
    pub(crate) fn pan(&mut self, side: Side) {
        self.window.pan(side);
        self.cursor = self.window.nearest(self.cursor);
    }

    /// To the peak of the heap.
    pub(crate) fn visit_peak(&mut self) {
        if let Some(heap) = self.heap() {
            self.visit(heap.peak.time_ns);
        }
    }

    /// To the nearest event on that side of the cursor, if there is one.
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

    /// To another heap, around the end.
    pub(crate) fn turn_heap(&mut self, side: Side) {
        let heaps = self.report.heaps.len().max(1);
        self.heap = match side {
            Side::Back => (self.heap + heaps - 1) % heaps,
            Side::Forward => (self.heap + 1) % heaps,
        };
    }

    /// Scrolls the modules; the caller says where the end is.
    pub(crate) fn scroll_modules(&mut self, side: Side, by: usize) {
        self.modules_scroll = match side {
            Side::Back => self.modules_scroll.saturating_sub(by),
            Side::Forward => self.modules_scroll.saturating_add(by),
        };
    }

    fn visit(&mut self, time: Nanos) {
        self.cursor = Nanos(time.0.min(self.timeline.end.0));
        self.window.centre(self.cursor);
    }
}
