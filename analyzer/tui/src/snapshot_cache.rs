//! The states of heaps that views look at, each replayed once and shared by their workers.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use memtrace_analysis::{Checkpoints, Nanos, ReadError, Trace, events::EventPlace, snapshot::HeapSnapshot};

/// The number of snapshots kept: one at the cursor, one to compare it with. Each is as large as what was live.
const KEPT: usize = 2;

/// A place in a trace at which memory is inspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SnapshotPoint {
    /// After the event at this place, or after those before it if there is none.
    Behind(EventPlace),
    /// After the event of a heap that made its peak: others may have the same time.
    Peak {
        /// The time of the event.
        time: Nanos,
        /// The heap's place in the report.
        heap: usize,
        /// The index among the heap's events.
        event_index: u64,
    },
}

impl SnapshotPoint {
    /// Returns its time.
    pub(crate) fn time(self) -> Nanos {
        match self {
            Self::Behind(place) => place.time,
            Self::Peak { time, .. } => time,
        }
    }

    /// The place to step from.
    pub(crate) fn place(self) -> EventPlace {
        match self {
            Self::Behind(place) => place,
            Self::Peak { time, .. } => EventPlace { time, rank: u64::MAX },
        }
    }
}

/// Replays to places in a trace, and keeps the latest states.
#[derive(Debug)]
pub(crate) struct Snapshots {
    trace: Arc<Trace>,
    checkpoints: Arc<Checkpoints>,
    kept: Mutex<VecDeque<(SnapshotPoint, Arc<HeapSnapshot>)>>,
}

impl Snapshots {
    /// Makes an empty cache.
    pub(crate) fn new(trace: Arc<Trace>, checkpoints: Arc<Checkpoints>) -> Self {
        Self { trace, checkpoints, kept: Mutex::default() }
    }

    /// The trace.
    pub(crate) fn trace(&self) -> &Arc<Trace> {
        &self.trace
    }

    /// The state at this spot. Who asks while another one is replayed waits for that.
    pub(crate) fn at(&self, spot: SnapshotPoint) -> Result<Arc<HeapSnapshot>, ReadError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kept.iter().position(|(kept, _)| *kept == spot) {
            let known = kept.remove(found).expect("it was found there");
            kept.push_back(known);
        } else {
            let instant = Arc::new(match spot {
                SnapshotPoint::Behind(place) => self.trace.at_place(&self.checkpoints, place)?,
                SnapshotPoint::Peak { time, heap, event_index } => {
                    self.trace.at_event(&self.checkpoints, time, heap, event_index)?
                }
            });
            if kept.len() == KEPT {
                kept.pop_front();
            }
            kept.push_back((spot, instant));
        }
        let (_, instant) = kept.back().expect("one was just put there");
        Ok(Arc::clone(instant))
    }
}
