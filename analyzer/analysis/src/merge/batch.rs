//! Events some at a time: handed over, or replayed on the spot.

use super::{Events, MergePlace};
use crate::{
    replay::{Replay, Step},
    source::ReadError,
};

/// Events in their order, some at a time.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// None of them if they are replayed already.
    pub(crate) steps: Vec<Step>,
    /// How many they are.
    pub(crate) events: u64,
    /// The bytes read so far.
    pub(crate) read: u64,
    /// Now and then, if that is asked for: where the events stand behind these.
    pub(crate) place: Option<MergePlace>,
}

/// The most events in a batch: few enough to stay in the nearest cache.
const BATCH: usize = 128;

/// The most events that are replayed without looking up.
const REPLAYED: usize = 1024;

impl Events<'_> {
    /// From now on, batches say where they stand, with at least so many events between.
    pub(crate) fn tell_places(&mut self, between: u64) {
        self.places = Some((between, 0));
    }

    /// Fills the batch with the next events. `false`: there are none.
    pub(crate) fn fill(&mut self, batch: &mut Batch) -> Result<bool, ReadError> {
        let steps = &mut batch.steps;
        steps.clear();
        steps.reserve(BATCH);
        let most = self.most(BATCH);
        let clock = self.trace.clock;
        self.hand_out(|ticked| {
            steps.push(ticked.step(clock));
            steps.len() < most
        })?;
        batch.events = steps.len() as u64;
        self.sum_up(batch);
        Ok(batch.events > 0)
    }

    /// Replays the next events, and lets the batch tell of them. `false`: there are none.
    pub(crate) fn replay(&mut self, replay: &mut Replay<'_>, batch: &mut Batch) -> Result<bool, ReadError> {
        if replay.is_crowded() {
            let more = self.fill(batch)?;
            replay.apply_all(&batch.steps);
            return Ok(more);
        }
        batch.steps.clear();
        let most = self.most(REPLAYED);
        let clock = self.trace.clock;
        let mut events = 0;
        self.hand_out(|ticked| {
            let Step { now, event } = ticked.step(clock);
            replay.apply(now, &event);
            events += 1;
            events < most
        })?;
        batch.events = events as u64;
        self.sum_up(batch);
        Ok(batch.events > 0)
    }

    /// How many events a batch has, if nothing is against so many.
    fn most(&self, events: usize) -> usize {
        self.places.map_or(events, |(between, _)| events.min(between as usize))
    }

    /// What else is to be said of the events of a batch.
    fn sum_up(&mut self, batch: &mut Batch) {
        batch.read = self.bytes_read;
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
