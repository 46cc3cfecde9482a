//! Events some at a time: gathered, or handed on one by one.

use memtrace_format::Event;

use super::{Events, MergePlace};
use crate::{
    model::{EventContext, TimedEvent},
    source::ReadError,
};

/// Events in their order, some at a time.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// None of them if they were handed on.
    pub(crate) steps: Vec<TimedEvent>,
    /// How many they are.
    pub(crate) events: u64,
    /// The chunks read so far.
    pub(crate) chunks: u64,
    /// Now and then, if that is asked for: where the events stand behind these.
    pub(crate) place: Option<MergePlace>,
}

/// The most events in a batch: few enough to stay in the nearest cache.
const BATCH: usize = 128;

/// The most events that are handed on without looking up.
const PASSED_ON: usize = 1024;

impl Events<'_> {
    /// From now on, batches say where they stand, with at least so many events between.
    pub(crate) fn emit_places_every(&mut self, between: u64) {
        self.places = Some((between, 0));
    }

    /// Fills the batch with the next events. `false`: there are none.
    pub(crate) fn fill(&mut self, batch: &mut Batch) -> Result<bool, ReadError> {
        let steps = &mut batch.steps;
        steps.clear();
        steps.reserve(BATCH);
        let most = self.most(BATCH);
        let clock = self.trace.clock;
        self.for_each_event(|ticked| {
            steps.push(ticked.step(clock));
            steps.len() < most
        })?;
        batch.events = steps.len() as u64;
        self.finish_batch(batch);
        Ok(batch.events > 0)
    }

    /// Hands each of the next events to `each`, and lets the batch tell of them. `false`: there are none.
    pub(crate) fn pass_on(
        &mut self,
        batch: &mut Batch,
        mut each: impl FnMut(EventContext, &Event),
    ) -> Result<bool, ReadError> {
        batch.steps.clear();
        let most = self.most(PASSED_ON);
        let clock = self.trace.clock;
        let mut events = 0;
        self.for_each_event(|ticked| {
            let TimedEvent { now, event } = ticked.step(clock);
            each(now, &event);
            events += 1;
            events < most
        })?;
        batch.events = events as u64;
        self.finish_batch(batch);
        Ok(batch.events > 0)
    }

    /// How many events a batch has, if nothing is against so many.
    fn most(&self, events: usize) -> usize {
        self.places.map_or(events, |(between, _)| events.min(between as usize))
    }

    /// What else is to be said of the events of a batch.
    fn finish_batch(&mut self, batch: &mut Batch) {
        batch.chunks = self.chunks_read;
        batch.place = None;
        if let Some((between, since)) = &mut self.places {
            *since += batch.events;
            if since >= between {
                *since = 0;
                batch.place = Some(self.place());
            }
        }
    }
}
