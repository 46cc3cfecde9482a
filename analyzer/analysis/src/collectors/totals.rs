//! Compares the sums that allocators report with the sums of their events.
//!
//! A report to a listener may come after the lock was let go under which its sum was taken. Then two threads' sums are in
//! another order than their events, and differ for as long as threads are on their way between the two; they agree again
//! by themselves. So it is counted how many samples differ in a row, and for how long.

use hashbrown::HashMap;
use memtrace_format::{CounterId, CounterValue, HeapId, well_known::ALLOCATED_TOTAL};

use super::collector::{Collector, Context};
use crate::{
    Nanos,
    model::HeapKey,
    source::{Definitions, Log},
};

/// Watches the allocators of all heaps.
#[derive(Debug)]
pub(crate) struct Totals<'a> {
    definitions: &'a Definitions,
    heaps_of_counter: HashMap<CounterId, Vec<HeapId>>,
    by_heap: HashMap<HeapId, TotalsWatch>,
}

/// Watches one allocator.
#[derive(Clone, Debug)]
pub(crate) struct TotalsWatch {
    pub(crate) samples: u64,
    pub(crate) differing: u64,
    /// The most samples that differed in a row.
    pub(crate) longest_row: u64,
    /// The longest time in which all samples differed.
    pub(crate) longest_time: Nanos,
    row: u64,
    row_began: Nanos,
    pub(crate) first: TotalsSample,
    /// The one that differs most.
    pub(crate) worst: TotalsSample,
    pub(crate) last: TotalsSample,
    thread: usize,
    pub(crate) several_threads: bool,
}

/// Both sides at an instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TotalsSample {
    pub(crate) time: Nanos,
    /// What the allocator says.
    pub(crate) told: u64,
    /// What its events add up to.
    pub(crate) added_up: u64,
}

impl TotalsSample {
    pub(crate) fn difference(&self) -> u64 {
        self.told.abs_diff(self.added_up)
    }
}

impl<'a> Collector<'a> for Totals<'a> {
    fn new(log: &'a Log) -> Self {
        let definitions = log.definitions();
        Self { definitions, heaps_of_counter: HashMap::new(), by_heap: HashMap::new() }
    }

    fn sample(&mut self, context: &mut Context<'_, 'a>, counter: CounterId, value: CounterValue) {
        let (now, heaps) = (context.now, &context.replay.heaps);
        let CounterValue::Integer(told) = value else { return };
        let definitions = self.definitions;
        let meant = self.heaps_of_counter.entry(counter).or_insert_with(|| {
            let name =
                definitions.counter(counter).and_then(|counter| counter.name.strip_suffix(ALLOCATED_TOTAL));
            name.map_or_else(Vec::new, |name| definitions.heaps_named(name).collect())
        });
        let is_meant =
            |&id: &HeapId| heaps.iter().find(|heap| heap.key == HeapKey::Heap(id)).map(|heap| (id, heap));
        let Some((id, heap)) = meant.iter().find_map(is_meant) else { return };
        let sample = TotalsSample { time: now.time, told, added_up: heap.state.totals.allocated };
        self.by_heap
            .entry(id)
            .or_insert_with(|| TotalsWatch::new(now.thread, sample))
            .add(now.thread, sample);
    }

    fn reset_at(&mut self, _context: &mut Context<'_, 'a>) {
        self.by_heap.clear();
    }
}

impl Totals<'_> {
    /// What the allocator of a heap said, if it said anything.
    pub(crate) fn of(&self, heap: HeapKey) -> Option<&TotalsWatch> {
        let HeapKey::Heap(id) = heap else { return None };
        self.by_heap.get(&id)
    }
}

impl TotalsWatch {
    fn new(thread: usize, first: TotalsSample) -> Self {
        Self {
            samples: 0,
            differing: 0,
            longest_row: 0,
            longest_time: Nanos(0),
            row: 0,
            row_began: first.time,
            first,
            worst: first,
            last: first,
            thread,
            several_threads: false,
        }
    }

    fn add(&mut self, thread: usize, sample: TotalsSample) {
        self.samples += 1;
        self.several_threads |= thread != self.thread;
        self.last = sample;
        if sample.difference() == 0 {
            self.row = 0;
            return;
        }
        if self.row == 0 {
            self.row_began = sample.time;
        }
        self.differing += 1;
        self.row += 1;
        self.longest_time = self.longest_time.max(sample.time.since(self.row_began));
        self.longest_row = self.longest_row.max(self.row);
        if sample.difference() > self.worst.difference() {
            self.worst = sample;
        }
    }
}
