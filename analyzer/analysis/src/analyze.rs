//! The whole way, from a log to a report: the passes that are made, in their order.
//!
//! 1. The first pass replays everything, and the collectors watch.
//! 2. If requests failed, a second one follows the course with other settings of the allocator ([`rehearse`]).
//! 3. The report builder makes the report of what was collected.
//! 4. A third one goes back to the instants that the report tells more of ([`revisit`]).
//! 5. The rules judge the finished report.

use std::ops::ControlFlow::Continue;

use crate::{
    Checkpoints, Filter, Nanos, Progress, RangeError, ReadError, SoFar, TraceRange,
    collectors::Collectors,
    findings,
    passes::{
        CheckpointWriter, EventFilter, PLACES, RangeTracker, ReplayDriver, Replayed, rehearse, replay_whole,
        revisit,
    },
    report::{Info, Range, Report},
    report_builder::{self, Built, describe},
    source::Log,
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

/// The whole log. `show` is shown now and then what was found so far.
pub(crate) fn analyze(
    log: &Log,
    mut watch: impl FnMut(Progress),
    mut show: impl FnMut(&SoFar<'_, '_>),
) -> Result<Analysis, ReadError> {
    let start = || (Collectors::new(log), CheckpointWriter::new(log));
    let (mut replayed, writer) =
        replay_whole(log, Some(PLACES), start, &mut watch, |writer, replay, collectors, batch| {
            writer.pass(replay, batch);
            show(&SoFar(replay, collectors));
        })?;
    let checkpoints = writer.finish(&replayed.replay);
    rehearse(log, None, replayed.observer.failures.numbered(), &mut watch)?;
    report(log, replayed, None, None, checkpoints, watch)
}

/// What a filter lets through of a part of the log.
pub(crate) fn analyze_filtered(
    log: &Log,
    part: &TraceRange,
    filter: &Filter,
    mut watch: impl FnMut(Progress),
) -> Result<Analysis, RangeError> {
    if matches!(part, TraceRange::Whole) && filter.is_empty() {
        return Ok(analyze(log, watch, |_| ())?);
    }
    let all = filter.is_empty();
    let (mut replayed, ends) = replay_range(log, part, filter, &mut watch)?;
    let range = ends.map(|(from_ns, to_ns)| Range::new(part, from_ns, to_ns));
    let again = || if all { Ok(None) } else { EventFilter::new(filter, log).map(Some) };
    // What other settings would have done is known of an allocator, not of some threads that it serves.
    if filter.thread.is_none() {
        rehearse(log, again()?, replayed.observer.failures.numbered(), &mut watch)?;
    }
    let mut analysis = report(log, replayed, range, again()?, Checkpoints::default(), watch)?;
    if !all {
        analysis.report.note_filter(filter);
    }
    Ok(analysis)
}

/// The report of a first pass over the whole log, over a range of it, or over what passed a sieve. What the report tells more of is looked
/// at again: from the checkpoints that were taken of that pass, or with a sieve like that one.
fn report(
    log: &Log,
    replayed: Replayed<'_, Collectors<'_>>,
    range: Option<Range>,
    event_filter: Option<EventFilter<'_>>,
    checkpoints: Checkpoints,
    watch: impl FnMut(Progress),
) -> Result<Analysis, ReadError> {
    let Replayed { replay, observer: collectors, events } = replayed;
    let of_threads = event_filter.as_ref().is_some_and(EventFilter::is_of_threads);
    let built = report_builder::build(replay, collectors, &events, range, of_threads);
    let Built { mut report, timeline, deferred } = built;
    revisit(log, &checkpoints, deferred.stops(), event_filter, watch, |replay, stop| {
        deferred.fill(stop, replay, &mut report);
    })?;
    report.findings = findings::judge(&report);
    Ok(Analysis { report, timeline, checkpoints })
}

/// When a part of the log begins and ends.
pub(crate) fn ends_of(
    log: &Log,
    part: &TraceRange,
    watch: impl FnMut(Progress),
) -> Result<(Nanos, Nanos), RangeError> {
    let (replayed, ends) = replay_range(log, part, &Filter::default(), watch)?;
    Ok(ends.unwrap_or_else(|| (log.kept_from().unwrap_or_default(), log.end(replayed.events.latest()))))
}

/// Replays what a filter lets through, up to the end of a part of the log; what was seen before it is forgotten where it begins.
/// With it, when the part begins and ends, if it has borders.
#[expect(clippy::type_complexity, reason = "a pass and two instants")]
fn replay_range<'a>(
    log: &'a Log,
    part: &TraceRange,
    filter: &Filter,
    watch: impl FnMut(Progress),
) -> Result<(Replayed<'a, Collectors<'a>>, Option<(Nanos, Nanos)>), RangeError> {
    let mut tracker = RangeTracker::of(part, log)?;
    let mut event_filter = EventFilter::new(filter, log)?;
    let all = filter.is_empty();
    let admits = |now, event: &_| all || event_filter.admits(now, event);
    let mut driver = ReplayDriver::begin_with(log, Collectors::new(log), admits)?;
    if let (Some(from), Some(tracker)) = (log.kept_from(), &mut tracker) {
        tracker.kept(&mut driver.replay, &mut driver.observer, from);
    }
    let mut replayed = driver.run(watch, |replay, collectors, batch| {
        for step in &batch.steps {
            if !all && !event_filter.admits(step.now, &step.event) {
                continue;
            }
            let admitted = match &mut tracker {
                Some(tracker) => tracker.admit(replay, collectors, step.now.time, &step.event),
                None => true,
            };
            if admitted {
                replay.apply(step.now, &step.event, collectors);
            }
        }
        Continue(())
    })?;
    let end = log.end(replayed.events.latest());
    let ends = match tracker {
        Some(tracker) => Some(tracker.finish(&mut replayed.replay, &mut replayed.observer, end)?),
        None => None,
    };
    Ok((replayed, ends))
}

/// What the file is.
pub(crate) fn info(log: &Log, watch: impl FnMut(Progress)) -> Result<Info, ReadError> {
    let start = || (Collectors::new(log), ());
    let (replayed, ()) = replay_whole(log, None, start, watch, |(), _, _, _| ())?;
    let Replayed { replay, observer, events } = replayed;
    Ok(describe(&replay, &observer, &events))
}
