//! The whole way, from a file to answers.

use std::{cmp::Reverse, ops::ControlFlow::Continue, path::Path};

use memtrace_format::Bytes;

use crate::{
    Checkpoints, Filter, Nanos, Part, PartError, ReadError, Text, Trace,
    checkpoints::{PLACES, Taking},
    filter::Sieve,
    part::Borders,
    passage::{Passage, Passed},
    replay::Replay,
    report::{Info, Range, Report},
    summary::{describe, summarize},
    timeline::Timeline,
};

/// What an analysis of a trace found.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// Figures and names.
    pub report: Report,
    /// The course of the run, for charts.
    pub timeline: Timeline,
    /// Where a replay can start that is to stand at some time.
    pub checkpoints: Checkpoints,
}

/// How far an analysis has come. What it looks at again, if something deserves that, it tells of anew, from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The bytes of the file that are replayed.
    pub done: Bytes,
    /// The bytes of the file that hold events.
    pub total: Bytes,
}

/// What was found in the part of a trace that is replayed so far.
#[derive(Clone, Copy, Debug)]
pub struct SoFar<'r, 't>(&'r Replay<'t>);

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
        let mut largest: Vec<_> = self.0.heaps.iter().collect();
        largest.sort_by_key(|heap| Reverse(heap.watch.peak.measured()));
        let heaps = largest.into_iter().take(most).map(|heap| HeapSoFar {
            name: self.0.trace.definitions().heap_of(heap.key),
            peak: Bytes(heap.watch.peak.measured()),
            peak_at: heap.watch.peak.time,
            now: Bytes(heap.state.measured()),
        });
        heaps.collect()
    }
}

/// Analyzes the trace at `path` in one pass, in memory that grows with what is live and not with the number of events.
///
/// # Errors
///
/// The file cannot be read as a trace. Damage within it is no error: it is a part of the report.
pub fn analyze(path: impl AsRef<Path>) -> Result<Analysis, ReadError> {
    Trace::open(path)?.analyze(|_| ())
}

impl Trace {
    /// Replays all events and says what it found. `watch` is told of progress at every chunk.
    ///
    /// # Errors
    ///
    /// The operating system cannot read a part of the file.
    pub fn analyze(&self, watch: impl FnMut(Progress)) -> Result<Analysis, ReadError> {
        self.analyze_showing(watch, |_| ())
    }

    /// The same; `show` is shown now and then what was found so far.
    ///
    /// # Errors
    ///
    /// The operating system cannot read a part of the file.
    pub fn analyze_showing(
        &self,
        mut watch: impl FnMut(Progress),
        mut show: impl FnMut(&SoFar<'_, '_>),
    ) -> Result<Analysis, ReadError> {
        let ((mut replay, events), taking) = Passage::replay_whole(
            self,
            Some(PLACES),
            || Taking::new(self),
            &mut watch,
            |taking, replay, batch| {
                taking.pass(replay, batch);
                show(&SoFar(replay));
            },
        )?;
        let checkpoints = taking.finish(&replay);
        replay.analyses.failures.rehearse(self, None, &mut watch)?;
        summarize(replay, &events, None, None, checkpoints, watch)
    }

    /// Replays all events and says what it found in a part of the trace: the figures are those of a ring that kept this
    /// part. `watch` is told of progress at every chunk.
    ///
    /// # Errors
    ///
    /// The trace has no such part, or the operating system cannot read a part of the file.
    pub fn analyze_part(&self, part: &Part, watch: impl FnMut(Progress)) -> Result<Analysis, PartError> {
        self.analyze_filtered(part, &Filter::default(), watch)
    }

    /// Replays what a filter lets through and says what it found in a part of the trace. `watch` is told of progress.
    ///
    /// # Errors
    ///
    /// The trace has no such part, device or thread, or the operating system cannot read a part of the file.
    pub fn analyze_filtered(
        &self,
        part: &Part,
        filter: &Filter,
        mut watch: impl FnMut(Progress),
    ) -> Result<Analysis, PartError> {
        if matches!(part, Part::Whole) && filter.is_empty() {
            return Ok(self.analyze(watch)?);
        }
        let all = filter.is_empty();
        let ((mut replay, events), ends) = self.replay_part(part, filter, &mut watch)?;
        let range = ends.map(|(from_ns, to_ns)| Range::new(part, from_ns, to_ns));
        let again = || if all { Ok(None) } else { Sieve::new(filter, self).map(Some) };
        // What other settings would have done is known of an allocator, not of some threads that it serves.
        if filter.thread.is_none() {
            replay.analyses.failures.rehearse(self, again()?, &mut watch)?;
        }
        let mut analysis = summarize(replay, &events, range, again()?, Checkpoints::default(), watch)?;
        if !all {
            analysis.report.tell_of(filter);
        }
        Ok(analysis)
    }

    /// When a part of the trace begins and ends. `watch` is told of progress.
    ///
    /// # Errors
    ///
    /// The trace has no such part, or the operating system cannot read a part of the file.
    pub fn ends_of(&self, part: &Part, watch: impl FnMut(Progress)) -> Result<(Nanos, Nanos), PartError> {
        let ((_, events), ends) = self.replay_part(part, &Filter::default(), watch)?;
        Ok(ends.unwrap_or_else(|| (self.kept_from().unwrap_or_default(), self.end(&events))))
    }

    /// Replays what a filter lets through, up to the end of a part of the trace; what was seen before it is forgotten where it begins.
    /// With it, when the part begins and ends, if it has borders.
    fn replay_part(
        &self,
        part: &Part,
        filter: &Filter,
        watch: impl FnMut(Progress),
    ) -> Result<(Passed<'_>, Option<(Nanos, Nanos)>), PartError> {
        let mut borders = Borders::of(part, self)?;
        let mut sieve = Sieve::new(filter, self)?;
        let all = filter.is_empty();
        let mut passage = Passage::begin_with(self, |now, event| all || sieve.admits(now, event))?;
        if let (Some(from), Some(borders)) = (self.kept_from(), &mut borders) {
            borders.kept(&mut passage.replay, from);
        }
        let (mut replay, events) = passage.run(watch, |replay, batch| {
            for step in &batch.steps {
                if !all && !sieve.admits(step.now, &step.event) {
                    continue;
                }
                let within = |borders: &mut Borders<'_>| borders.admit(replay, step.now.time, &step.event);
                if borders.as_mut().is_none_or(within) {
                    replay.apply(step.now, &step.event);
                }
            }
            Continue(())
        })?;
        let end = self.end(&events);
        let ends = borders.map(|borders| borders.finish(&mut replay, end)).transpose()?;
        Ok(((replay, events), ends))
    }

    /// Replays all events and says what the file is.
    ///
    /// # Errors
    ///
    /// The operating system cannot read a part of the file.
    pub fn info(&self, watch: impl FnMut(Progress)) -> Result<Info, ReadError> {
        let ((replay, events), ()) = Passage::replay_whole(self, None, || (), watch, |_, _, _| ())?;
        Ok(describe(&replay, &events))
    }
}
