//! First figures, while a log is still being replayed.

use std::cmp::Reverse;

use memtrace_format::Bytes;

use crate::{Nanos, Text, collectors::Collectors, replay::Replay};

/// What was found in the part of a trace that is replayed so far.
#[derive(Clone, Copy, Debug)]
pub struct SoFar<'r, 't>(pub(crate) &'r Replay<'t>, pub(crate) &'r Collectors<'t>);

/// What a heap held in the part of a trace that is replayed so far.
#[derive(Clone, Debug)]
pub struct HeapSoFar {
    /// Its name.
    pub name: Text,
    /// The most that it held.
    pub peak: Bytes,
    /// When that was.
    pub peak_at: Nanos,
    /// What it holds now.
    pub now: Bytes,
}

impl SoFar<'_, '_> {
    /// The time of the latest event.
    pub fn until(&self) -> Nanos {
        self.0.end
    }

    /// The heaps that held most, so many at most, the largest first.
    pub fn largest_heaps(&self, most: usize) -> Vec<HeapSoFar> {
        let Self(replay, collectors) = self;
        let mut largest: Vec<_> = replay.heaps.iter().zip(&collectors.heaps).collect();
        largest.sort_by_key(|(_, watch)| Reverse(watch.peak.measured()));
        let heaps = largest.into_iter().take(most).map(|(heap, watch)| HeapSoFar {
            name: replay.log.definitions().heap_of(heap.key),
            peak: Bytes(watch.peak.measured()),
            peak_at: watch.peak.time,
            now: Bytes(heap.state.measured()),
        });
        heaps.collect()
    }
}
