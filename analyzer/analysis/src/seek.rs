//! The state of a log at an instant: finds it, replays up to it, and makes plain data of it.

use memtrace_format::Event;
use thiserror::Error;

use crate::{
    Analysis, Checkpoints, Nanos, ReadError, SnapshotAt, Text, analyze::analyze, diff::SnapshotsDiff,
    events::EventPlace, merge::Events, passes::ReplayDriver, replay::Replay, report::State, report_builder,
    snapshot::HeapSnapshot, source::Log,
};

/// The most names of marks that a message lists.
const NAMES: usize = 12;

/// Why a trace has no such instant.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SnapshotAtError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There are not so many peaks.
    #[error("it keeps {0} distinct peaks")]
    NoPeak(u64),
    /// There are not so many failed requests.
    #[error("{0} requests failed")]
    NoFailure(u64),
    /// There are not so many marks of this name.
    #[error("mark {name} is set {count} times; {}", known(.names))]
    NoMark {
        /// The name that was asked for.
        name: Text,
        /// How many there are.
        count: u64,
        /// The names that there are, the first ones.
        names: Vec<Text>,
    },
}

fn known(names: &[Text]) -> String {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    if names.is_empty() {
        "there are no marks".to_owned()
    } else {
        format!("there are: {}", names.join(", "))
    }
}

/// What every heap holds at an instant.
pub(crate) fn state(
    log: &Log,
    checkpoints: &Checkpoints,
    when: &SnapshotAt,
) -> Result<State, SnapshotAtError> {
    let (replay, time) = seek(log, checkpoints, when, &mut None)?;
    Ok(report_builder::state(replay, time))
}

/// What is live at an instant.
pub(crate) fn instant(
    log: &Log,
    checkpoints: &Checkpoints,
    when: &SnapshotAt,
) -> Result<HeapSnapshot, SnapshotAtError> {
    let (replay, time) = seek(log, checkpoints, when, &mut None)?;
    Ok(report_builder::snapshot(&replay, time))
}

/// What is new in the heaps at the second instant, and what is gone.
pub(crate) fn compare(
    log: &Log,
    checkpoints: &Checkpoints,
    a: &SnapshotAt,
    b: &SnapshotAt,
) -> Result<SnapshotsDiff, SnapshotAtError> {
    let mut analysis = None;
    let mut snapshot = |when| {
        let (replay, time) = seek(log, checkpoints, when, &mut analysis)?;
        Ok::<_, SnapshotAtError>(report_builder::snapshot(&replay, time))
    };
    Ok(SnapshotsDiff::between(log.definitions(), &snapshot(a)?, &snapshot(b)?))
}

/// When an instant is.
pub(crate) fn time_of(log: &Log, when: &SnapshotAt) -> Result<Nanos, SnapshotAtError> {
    Ok(seek(log, &Checkpoints::default(), when, &mut None)?.1)
}

/// The state of every heap at a time.
pub(crate) fn at(log: &Log, checkpoints: &Checkpoints, time: Nanos) -> Result<HeapSnapshot, ReadError> {
    Ok(report_builder::snapshot(&checkpoints.replay_to(log, time)?, time))
}

/// The state of every heap right after an event of one.
pub(crate) fn at_event(
    log: &Log,
    checkpoints: &Checkpoints,
    time: Nanos,
    heap: usize,
    event_index: u64,
) -> Result<HeapSnapshot, ReadError> {
    let number = events_not_kept(log, heap)?.saturating_add(event_index);
    let replay = checkpoints.replay_to_event(log, time, heap, number)?;
    Ok(report_builder::snapshot(&replay, time))
}

/// The state of every heap right after the event at this place.
pub(crate) fn at_place(
    log: &Log,
    checkpoints: &Checkpoints,
    place: EventPlace,
) -> Result<HeapSnapshot, ReadError> {
    Ok(report_builder::snapshot(&checkpoints.replay_to_place(log, place)?, place.time))
}

/// How many events of the heap are folded into what a ring keeps of its past.
fn events_not_kept(log: &Log, heap: usize) -> Result<u64, ReadError> {
    if log.kept_from().is_none() {
        return Ok(0);
    }
    let start = ReplayDriver::begin(log, ())?;
    Ok(start.replay.heaps.get(heap).map_or(0, |heap| heap.first_event))
}

/// `analysis` is that of the whole trace, once it was needed.
fn seek<'a>(
    log: &'a Log,
    checkpoints: &Checkpoints,
    when: &SnapshotAt,
    analysis: &mut Option<Analysis>,
) -> Result<(Replay<'a>, Nanos), SnapshotAtError> {
    let at_place = |place: EventPlace| Ok((checkpoints.replay_to_place(log, place)?, place.time));
    match when {
        &SnapshotAt::At(time) => Ok((checkpoints.replay_to(log, time)?, time)),
        SnapshotAt::End => {
            let replay = checkpoints.replay_to(log, Nanos(u64::MAX))?;
            let end = replay.end;
            Ok((replay, end))
        }
        &SnapshotAt::Peak(rank) => {
            let Analysis { report, checkpoints, .. } = match analysis {
                Some(analysis) => analysis,
                None => analysis.insert(analyze(log, |_| (), |_| ())?),
            };
            let heap = report.main_heap().ok_or(SnapshotAtError::NoPeak(0))?;
            let peaks = &report.heaps[heap].peaks;
            let peak = usize::try_from(rank).ok().and_then(|rank| peaks.get(rank.checked_sub(1)?));
            let peak = peak.ok_or(SnapshotAtError::NoPeak(peaks.len() as u64))?;
            let number = events_not_kept(log, heap)?.saturating_add(peak.event_index);
            let replay = checkpoints.replay_to_event(log, peak.time_ns, heap, number)?;
            Ok((replay, peak.time_ns))
        }
        &SnapshotAt::Failure(number) => {
            let is_failure = |event: &Event| matches!(event, Event::OutOfMemory(_));
            let found = find_event(log, number, is_failure)?;
            at_place(found.map_err(SnapshotAtError::NoFailure)?)
        }
        SnapshotAt::Mark { name, number } => {
            let definitions = log.definitions();
            let mut names: Vec<Text> = Vec::new();
            let found = find_event(log, *number, |event| {
                let (Event::Mark { name: id, .. } | Event::HeapMark { name: id, .. }) = event else {
                    return false;
                };
                let met = definitions.name(*id);
                let is_it = met.recorded() == name;
                if !is_it && names.len() < NAMES && !names.contains(&met) {
                    names.push(met);
                }
                is_it
            })?;
            let none = |count| SnapshotAtError::NoMark { name: Text::new(name.as_str()), count, names };
            at_place(found.map_err(none)?)
        }
    }
}

/// The place of the event of this number, counted from 1, among those that are looked for; how many there are, if not so
/// many.
fn find_event(
    log: &Log,
    number: u64,
    mut is_it: impl FnMut(&Event) -> bool,
) -> Result<Result<EventPlace, u64>, ReadError> {
    let mut count = 0;
    let mut next = EventPlace::default();
    for recorded in Events::new(log) {
        let recorded = recorded?;
        let place = if recorded.time == next.time { next } else { EventPlace::at(recorded.time) };
        next = place.next();
        if is_it(&recorded.event) {
            count += 1;
            if count == number {
                return Ok(Ok(place));
            }
        }
    }
    Ok(Err(count))
}
