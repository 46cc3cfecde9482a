//! Back to what a pass found: one more pass, that stops where there is more to be said.
//!
//! Which instants are the ones to look at (the highest peaks, the worst fragmentation) is known only at the end of a pass, and
//! copying what is live at each that might become one would cost the square of it. So they are visited again, in the order of
//! time, in one passage to the last of them.

use std::ops::ControlFlow::{Break, Continue};

use memtrace_format::Event;

use crate::{Checkpoints, Nanos, ReadError, Trace, filter::Sieve, passage::Passage, replay::Replay};

/// An event of a heap, behind which a passage stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stop {
    /// When it happens.
    pub(crate) time: Nanos,
    /// The heap, as the replay numbers them.
    pub(crate) heap: usize,
    /// The event, as the replay counts them.
    pub(crate) event: u64,
}

impl Trace {
    /// Shows the replay behind each of these events, with the event's place in the list. What `sieve` held back in the first
    /// pass, it holds back in this one.
    pub(crate) fn revisit(
        &self,
        _checkpoints: &Checkpoints,
        stops: &[Stop],
        mut sieve: Option<Sieve<'_>>,
        mut show: impl FnMut(&Replay<'_>, usize),
    ) -> Result<(), ReadError> {
        let mut left: Vec<usize> = (0..stops.len()).collect();
        left.sort_unstable_by_key(|&stop| std::cmp::Reverse(stops[stop]));
        // Before an event each stop is shown that came before it. (One may stand at the beginning of a part, long after
        // its heap's latest event.)
        let mut show_reached = |left: &mut Vec<usize>, replay: &Replay<'_>, now: Nanos| {
            let due = left.partition_point(|&stop| stops[stop].time > now);
            for stop in left.extract_if(due.., |&mut stop| stops[stop].is_reached(replay)) {
                show(replay, stop);
            }
        };
        if left.is_empty() {
            return Ok(());
        }
        let all = sieve.is_none();
        let mut admits = |now, event: &Event| sieve.as_mut().is_none_or(|sieve| sieve.admits(now, event));
        let passage = Passage::begin_with(self, &mut admits)?;
        let passed = passage.run(
            |_| (),
            |replay, batch| {
                let steps = &batch.steps;
                let next = left.last().map_or(Nanos(u64::MAX), |&next| stops[next].time);
                if all && steps.last().is_some_and(|last| last.now.time < next) {
                    replay.apply_all(steps);
                    return Continue(());
                }
                for step in steps {
                    if !admits(step.now, &step.event) {
                        continue;
                    }
                    if left.last().is_some_and(|&next| stops[next].time <= step.now.time) {
                        show_reached(&mut left, replay, step.now.time);
                    }
                    if left.is_empty() {
                        return Break(());
                    }
                    replay.apply(step.now, &step.event);
                }
                Continue(())
            },
        )?;
        show_reached(&mut left, &passed.0, Nanos(u64::MAX));
        Ok(())
    }
}

impl Stop {
    fn is_reached(&self, replay: &Replay<'_>) -> bool {
        replay.heaps.get(self.heap).is_some_and(|heap| heap.watch.events > self.event)
    }
}
