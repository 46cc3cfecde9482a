//! Places in a trace from which a replay can start, so that the state at any time is near.

use std::ops::ControlFlow::{Break, Continue};

use crate::{
    Nanos, ReadError, Trace,
    events::EventPlace,
    passage::Passage,
    replay::{Moment, Replay},
};

/// Places in a trace from which a replay can start. One without any is good too: a replay starts at the beginning then.
#[derive(Clone, Debug, Default)]
pub struct Checkpoints {
    times: Vec<Nanos>,
}

impl Checkpoints {
    /// When they are, in the order of time.
    pub fn times(&self) -> &[Nanos] {
        &self.times
    }
}

impl Trace {
    /// A replay that stands at `time`: every event up to then has happened, those of that instant too.
    ///
    /// What is so at that time is so in it: the blocks and segments of the heaps and the numbers of their events, what is open
    /// on the threads, where modules are, what counters and the driver said last. What adds up over time (counts, peaks,
    /// tracks, stays, swaps) is not: it may have begun anywhere before.
    pub(crate) fn replay_to(&self, checkpoints: &Checkpoints, time: Nanos) -> Result<Replay<'_>, ReadError> {
        self.replay_while(checkpoints, time, |_, now| now.time <= time)
    }

    /// A replay that stands behind the event `number` of the heap with this index (counted as blocks and peaks count them, with
    /// what was not kept), or at its end. `time` is when that event happens.
    pub(crate) fn replay_to_event(
        &self,
        checkpoints: &Checkpoints,
        time: Nanos,
        heap: usize,
        number: u64,
    ) -> Result<Replay<'_>, ReadError> {
        let before = Nanos(time.0.saturating_sub(1));
        self.replay_while(checkpoints, before, |replay, _| {
            replay.heaps.get(heap).is_none_or(|heap| heap.watch.events <= number)
        })
    }

    /// A replay that stands right behind the event at this place.
    pub(crate) fn replay_to_place(
        &self,
        checkpoints: &Checkpoints,
        place: EventPlace,
    ) -> Result<Replay<'_>, ReadError> {
        let mut rank = 0;
        let goes_on = |_: &Replay<'_>, now: Moment| {
            let same = now.time == place.time;
            rank += u64::from(same);
            now.time < place.time || (same && rank - 1 <= place.rank)
        };
        match place.time.0.checked_sub(1) {
            Some(before) => self.replay_while(checkpoints, Nanos(before), goes_on),
            // No checkpoint lies before the first instant.
            None => self.replay_while(&Checkpoints::default(), Nanos(0), goes_on),
        }
    }

    /// A replay of every event up to the first for which `goes_on` is false; that is true for those up to `time`.
    fn replay_while(
        &self,
        _checkpoints: &Checkpoints,
        _time: Nanos,
        mut goes_on: impl FnMut(&Replay<'_>, Moment) -> bool,
    ) -> Result<Replay<'_>, ReadError> {
        let passage = Passage::begin(self)?;
        let (replay, _) = passage.run(
            |_| (),
            |replay, steps| {
                for step in steps {
                    if !goes_on(replay, step.now) {
                        return Break(());
                    }
                    replay.apply(step.now, &step.event);
                }
                Continue(())
            },
        )?;
        Ok(replay)
    }
}
