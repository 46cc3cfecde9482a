//! The tracks of heaps: what is allocated, active and reserved.

use std::io::{self, Write};

use memtrace_analysis::{
    HeapKey, Nanos, Trace,
    replay::{HeapState, Replay},
};

use super::{
    packets::{Packets, Track},
    proto::{CounterDescriptor, Unit},
};

/// The counters shown of a heap, in this order.
const FIGURES: [&str; 3] = ["allocated", "active", "reserved"];

/// The tracks of all heaps.
#[derive(Debug)]
pub(super) struct HeapTracks<'a> {
    trace: &'a Trace,
    process: Track,
    heaps: Vec<Option<HeapTrack>>,
}

/// A heap's track, and those of its figures with what they show.
#[derive(Clone, Copy, Debug)]
struct HeapTrack {
    own: Track,
    figures: [Option<(Track, u64)>; 3],
}

impl<'a> HeapTracks<'a> {
    pub(super) fn new(trace: &'a Trace, process: Track) -> Self {
        Self { trace, process, heaps: Vec::new() }
    }

    /// Shows what has changed in a heap.
    pub(super) fn show<W: Write>(
        &mut self,
        packets: &mut Packets<W>,
        replay: &Replay<'_>,
        heap: usize,
        now: Nanos,
    ) -> io::Result<()> {
        let state = &replay.heaps[heap].state;
        let track = self.heap(packets, replay.heaps[heap].key, heap)?;
        for (place, figure) in figures(state).into_iter().enumerate() {
            let Some(figure) = figure else { continue };
            let shown = match &mut track.figures[place] {
                Some((_, shown)) if *shown == figure => continue,
                Some((track, shown)) => {
                    *shown = figure;
                    *track
                }
                none => {
                    let unit = CounterDescriptor { unit: Some(Unit::Bytes as i32), unit_name: None };
                    let new = packets.counter(track.own, FIGURES[place].to_owned(), unit)?;
                    *none = Some((new, figure));
                    new
                }
            };
            packets.value(now, shown, figure)?;
        }
        Ok(())
    }

    /// The track of the heap with this index.
    pub(super) fn track<W: Write>(
        &mut self,
        packets: &mut Packets<W>,
        replay: &Replay<'_>,
        heap: usize,
    ) -> io::Result<Track> {
        Ok(self.heap(packets, replay.heaps[heap].key, heap)?.own)
    }

    fn heap<W: Write>(
        &mut self,
        packets: &mut Packets<W>,
        key: HeapKey,
        heap: usize,
    ) -> io::Result<&mut HeapTrack> {
        if self.heaps.len() <= heap {
            self.heaps.resize(heap + 1, None);
        }
        match &mut self.heaps[heap] {
            Some(track) => Ok(track),
            none => {
                let name = self.trace.definitions().heap_of(key).to_string();
                let own = packets.track(self.process, name)?;
                Ok(none.insert(HeapTrack { own, figures: [None; 3] }))
            }
        }
    }
}

fn figures(state: &HeapState) -> [Option<u64>; 3] {
    let reserved = state.segmented.then(|| state.segments.reserved());
    [Some(state.totals.allocated), Some(state.totals.active), reserved]
}
