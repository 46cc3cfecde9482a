//! Events from an instant on: the merge begins at the chunks in which each thread's first event behind it can be.

use crate::{
    Nanos, ReadError,
    events::{Entry, EventPlace},
    merge::{Events, LATER},
    source::{Clock, Log, ThreadChunks},
};

/// The events from an instant on, in the order of [`Trace::events`](crate::Trace::events).
#[derive(Debug)]
pub struct EventsFrom<'a> {
    events: Events<'a>,
    from: Nanos,
    next: EventPlace,
}

impl<'a> EventsFrom<'a> {
    pub(super) fn new(trace: &'a Log, from: Nanos) -> Self {
        let first_chunks =
            trace.directory.threads.iter().map(|thread| first_chunk(thread, &trace.clock, from));
        let mut events = Events::from_chunks(trace, first_chunks);
        if let Some(baseline) = &trace.baseline {
            events.clamp(baseline.at);
        }
        Self { events, from, next: EventPlace::default() }
    }
}

impl Iterator for EventsFrom<'_> {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let recorded = match self.events.next()? {
                Ok(recorded) => recorded,
                Err(error) => return Some(Err(error)),
            };
            if recorded.time < self.from {
                continue;
            }
            if recorded.time > self.next.time {
                self.next = EventPlace::at(recorded.time);
            }
            let place = self.next;
            self.next = place.next();
            return Some(Ok(Entry { place, recorded }));
        }
    }
}

/// The last chunk that everything at `time` and behind it lies in or after. What is stamped earlier may count as later, but not by more
/// than a window.
///
/// A chunk whose times step back, and one that nobody has sealed, may have late events whatever those behind it begin with: no
/// chunk behind such a one is begun with. One chunk more than necessary is read, for the latest time of a thread.
fn first_chunk(thread: &ThreadChunks, clock: &Clock, time: Nanos) -> usize {
    let time = Nanos(time.0.saturating_sub(LATER.0));
    let mut first = 0;
    for (index, chunk) in thread.chunks.iter().enumerate() {
        if chunk.first.is_some_and(|ticks| clock.nanos(ticks) >= time) {
            break;
        }
        first = index;
        if !chunk.in_order {
            break;
        }
    }
    first.saturating_sub(1)
}
