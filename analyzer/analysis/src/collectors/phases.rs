//! The phases: how full the heaps were at their ends and between.

use memtrace_format::NameId;

use super::{
    HeapWatch,
    collector::{Collector, Context},
    heap_watch::TRACKED,
};
use crate::{
    Nanos,
    replay::{Level, OpenScope, ReplayHeap},
    source::Log,
};

/// The most phases that are kept: the longest.
const KEPT: usize = 4096;

/// The most phases that are watched at one time.
const OPEN: usize = 256;

/// A phase.
#[derive(Clone, Debug)]
pub(crate) struct PhaseRecord {
    number: u64,
    pub(crate) name: NameId,
    pub(crate) thread: usize,
    pub(crate) from: Nanos,
    pub(crate) to: Nanos,
    pub(crate) ended: bool,
    /// The first heaps of the trace, in its order.
    pub(crate) heaps: Vec<HeapSpan>,
}

/// A heap during a phase.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HeapSpan {
    pub(crate) at_begin: Level,
    pub(crate) at_end: Level,
    pub(crate) peak_allocated: u64,
    pub(crate) peak_reserved: u64,
}

/// Watches the phases of all threads.
///
/// A maximum over each open phase would cost each event as much as phases are open. Instead the heaps keep one maximum
/// since the latest border of any phase. At a border it goes to the open phase that began last: all others cover the
/// same time and get it from there, when that phase ends, or when they end before it.
#[derive(Debug, Default)]
pub(crate) struct Phases {
    /// In the order in which they began.
    open: Vec<PhaseRecord>,
    ended: Vec<PhaseRecord>,
    /// The number of the next one.
    total: u64,
    /// How many of them were over before what is looked at began.
    gone: u64,
}

impl<'a> Collector<'a> for Phases {
    fn new(_log: &'a Log) -> Self {
        Self::default()
    }

    fn scope_begin(
        &mut self,
        context: &mut Context<'_, 'a>,
        name: NameId,
        phase: Option<u64>,
        _entered: bool,
    ) {
        let Some(number) = phase else { return };
        let (now, heaps) = (context.now, &context.replay.heaps);
        self.cross_border(heaps, context.heaps);
        self.total = number + 1;
        if self.open.len() < OPEN {
            let spans = heaps.iter().take(TRACKED).map(|heap| HeapSpan::starting(Level::of(&heap.state)));
            self.open.push(PhaseRecord {
                number,
                name,
                thread: now.thread,
                from: now.time,
                to: now.time,
                ended: false,
                heaps: spans.collect(),
            });
        }
    }

    fn scope_end(&mut self, context: &mut Context<'_, 'a>, closed: &[OpenScope]) {
        for number in closed.iter().filter_map(|open| open.phase) {
            self.close(context.now.time, number, &context.replay.heaps, context.heaps, true);
        }
    }

    /// The phases that are open are those there are.
    fn reset_at(&mut self, context: &mut Context<'_, 'a>) {
        let heaps = &context.replay.heaps;
        self.ended.clear();
        self.gone = self.total - context.replay.open_phases().len() as u64;
        self.cross_border(heaps, context.heaps);
        for phase in &mut self.open {
            let levels = heaps.iter().take(TRACKED).map(|heap| Level::of(&heap.state));
            phase.heaps = levels.map(HeapSpan::starting).collect();
        }
    }
}

impl Phases {
    /// Every phase that was kept, in the order in which they began, and how many there were.
    pub(crate) fn finish(
        &mut self,
        end: Nanos,
        heaps: &[ReplayHeap],
        watches: &mut [HeapWatch],
    ) -> (Vec<PhaseRecord>, u64) {
        while let Some(last) = self.open.last() {
            self.close(end, last.number, heaps, watches, false);
        }
        self.thin(KEPT);
        self.ended.sort_unstable_by_key(|phase| phase.number);
        (std::mem::take(&mut self.ended), self.total - self.gone)
    }

    fn close(
        &mut self,
        time: Nanos,
        number: u64,
        heaps: &[ReplayHeap],
        watches: &mut [HeapWatch],
        ended: bool,
    ) {
        self.cross_border(heaps, watches);
        let Ok(at) = self.open.binary_search_by_key(&number, |phase| phase.number) else { return };
        let mut phase = self.open.remove(at);
        if let Some(before) = at.checked_sub(1) {
            self.open[before].cover(&phase);
        }
        for later in &self.open[at..] {
            phase.cover(later);
        }
        phase.to = time;
        phase.ended = ended;
        for (span, heap) in phase.heaps.iter_mut().zip(heaps) {
            span.at_end = Level::of(&heap.state);
        }
        self.ended.push(phase);
        if self.ended.len() >= 2 * KEPT {
            self.thin(KEPT);
        }
    }

    fn cross_border(&mut self, heaps: &[ReplayHeap], watches: &mut [HeapWatch]) {
        let watched = heaps.iter().zip(watches);
        let Some(last) = self.open.last_mut() else {
            for (heap, watch) in watched.take(TRACKED) {
                watch.cross_border(&heap.state);
            }
            return;
        };
        let tracked = heaps.len().min(TRACKED);
        last.heaps.resize(tracked.max(last.heaps.len()), HeapSpan::default());
        for (span, (heap, watch)) in last.heaps.iter_mut().zip(watched) {
            let (allocated, reserved) = watch.cross_border(&heap.state);
            span.peak_allocated = span.peak_allocated.max(allocated);
            span.peak_reserved = span.peak_reserved.max(reserved);
        }
    }

    fn thin(&mut self, keep: usize) {
        self.ended.sort_by_key(|phase| std::cmp::Reverse(phase.to.since(phase.from)));
        self.ended.truncate(keep);
    }
}

impl PhaseRecord {
    /// This phase covers the time of `inner`, up to now.
    fn cover(&mut self, inner: &Self) {
        self.heaps.resize(inner.heaps.len().max(self.heaps.len()), HeapSpan::default());
        for (span, inner) in self.heaps.iter_mut().zip(&inner.heaps) {
            span.peak_allocated = span.peak_allocated.max(inner.peak_allocated);
            span.peak_reserved = span.peak_reserved.max(inner.peak_reserved);
        }
    }
}

impl HeapSpan {
    fn starting(level: Level) -> Self {
        Self {
            at_begin: level,
            at_end: level,
            peak_allocated: level.allocated,
            peak_reserved: level.reserved,
        }
    }
}
