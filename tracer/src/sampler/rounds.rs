//! Whose turn it is to be read, and what becomes of a source that cannot be.

use std::time::{Duration, Instant};

use memtrace_format::{CounterValue, SampleSource};

use super::{Progress, Stage, recorder::Recorder};
use crate::{
    sampling::Plan,
    sources::{Reading, Unavailable},
    state,
};

/// How long a source that is not there yet is left alone at first; then twice as long each time, up to its period.
const FIRST_WAIT: Duration = Duration::from_millis(5);

/// Sources that a thread reads.
pub(super) trait Sources {
    /// Reads `source` and records what it says.
    ///
    /// # Errors
    ///
    /// Nothing of it can be read.
    fn read(&mut self, source: SampleSource, recorder: &mut Recorder) -> Reading<()>;
}

/// Reads each source when it is its turn.
pub(super) struct Rounds<S> {
    sources: S,
    turns: Vec<Turn>,
    recorder: Recorder,
}

/// When a source is read next.
struct Turn {
    source: SampleSource,
    period: Duration,
    due: Instant,
    /// How long to wait if it is not there yet.
    wait: Duration,
    /// Why it is not there yet, as the log knows.
    noted: Option<&'static str>,
}

impl<S: Sources> Rounds<S> {
    pub(super) fn new(sources: S, plans: &[Plan]) -> Self {
        let now = Instant::now();
        let turn = |plan: &Plan| {
            let period = plan.period?;
            Some(Turn { source: plan.source, period, due: now, wait: FIRST_WAIT, noted: None })
        };
        Self { sources, turns: plans.iter().filter_map(turn).collect(), recorder: Recorder::new(plans) }
    }

    /// Reads everything once, then each source in its turn until recording ends, stops, or none is left, then what is cheap
    /// once more.
    pub(super) fn run(mut self, progress: &Progress) {
        let mut wait = Duration::ZERO;
        while !self.turns.is_empty() && !state::mode().is_stopped() && !progress.wait_for(Stage::ToEnd, wait)
        {
            self.turns.retain_mut(|turn| {
                let later = turn.due > Instant::now() || progress.wait_for(Stage::ToEnd, Duration::ZERO);
                later || turn.take(&mut self.sources, &mut self.recorder)
            });
            let next = self.turns.iter().map(|turn| turn.due).min();
            wait = next.map_or(Duration::ZERO, |due| due.saturating_duration_since(Instant::now()));
        }
        for turn in self.turns.iter_mut().filter(|turn| is_cheap(turn.source)) {
            turn.take(&mut self.sources, &mut self.recorder);
        }
    }
}

/// Whether it is read when recording ends, while somebody waits.
fn is_cheap(source: SampleSource) -> bool {
    matches!(source, SampleSource::Driver | SampleSource::Host)
}

impl Turn {
    /// Reads the source. `false`: there will be no further turn.
    fn take(&mut self, sources: &mut impl Sources, recorder: &mut Recorder) -> bool {
        let begun = Instant::now();
        let outcome = recorder.round(|recorder| sources.read(self.source, recorder));
        let took = begun.elapsed();
        match outcome {
            Ok(()) => {
                let round = CounterValue::Integer(took.as_nanos() as u64);
                recorder.sample(self.source.round(), None, round);
                self.noted = None;
                self.wait = FIRST_WAIT;
                // What takes longer than its period is still left alone half of the time.
                self.due = begun + self.period.max(took * 2);
                true
            }
            Err(Some(Unavailable::NotYet(why))) => {
                if self.noted != Some(why) {
                    recorder.note(self.source.name(), None, why);
                    self.noted = Some(why);
                }
                self.wait = self.wait.min(self.period);
                self.due = begun + self.wait;
                self.wait *= 2;
                true
            }
            Err(Some(error)) => {
                recorder.leave_out_source(self.source, &error);
                false
            }
            Err(None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Sampling, cursor};

    struct NeverThere;

    impl Sources for NeverThere {
        fn read(&mut self, _: SampleSource, _: &mut Recorder) -> Reading<()> {
            Err(Unavailable::NotYet("never there"))
        }
    }

    #[test]
    fn a_source_that_never_comes_is_looked_for_once_a_period_in_the_end() {
        cursor::exclude_this_thread();
        let plans: Vec<Plan> = Sampling::default().plans().collect();
        let mut rounds = Rounds::new(NeverThere, &plans);
        let turn = &mut rounds.turns[0];
        for _ in 0..1000 {
            assert!(turn.take(&mut rounds.sources, &mut rounds.recorder));
        }
        let begun = Instant::now();
        assert!(turn.take(&mut rounds.sources, &mut rounds.recorder));
        assert!(turn.due >= begun + turn.period);
        assert!(turn.due <= Instant::now() + turn.period);
    }
}
