//! The way through a part of a trace that every streaming export takes: the replay goes along, so that each event is seen with
//! the state that it led to.

use std::{
    io,
    ops::ControlFlow::{Break, Continue},
};

use memtrace_format::{Event, ModuleId, Tier};
use thiserror::Error;

use crate::{
    Filter, Nanos, Progress, RangeError, ReadError, TraceRange,
    collectors::Collectors,
    model::{EventContext, TimedEvent},
    passes::{EventFilter, RangeTracker, ReplayDriver},
    replay::{HeldBlock, Replay},
    source::Log,
};

/// Sees a part of a trace event by event.
pub trait Visitor {
    /// Something that led to the part's beginning: of the baseline, or before the part.
    fn before(&mut self, _event: &Event) {}
    /// The part begins, in this state.
    ///
    /// # Errors
    ///
    /// What it makes of it cannot be written; so with the others.
    fn begin(&mut self, replay: &Replay<'_>, from: Nanos) -> io::Result<()>;
    /// An event of the part; the replay is behind it.
    fn event(&mut self, replay: &Replay<'_>, seen: &Seen<'_>) -> io::Result<()>;
    /// The part ends.
    fn end(self, replay: &Replay<'_>) -> io::Result<()>;
}

/// An event, and what the state behind it does not tell any more.
#[derive(Debug)]
pub struct Seen<'e> {
    /// When and on which thread it happened.
    pub now: EventContext,
    /// The event.
    pub event: &'e Event,
    /// The heap that it is about, as the replay numbers them.
    pub heap: Option<usize>,
    /// The block that it gives back, as it was.
    pub freed: Option<HeldBlock>,
    /// The number of scopes open on its thread.
    pub scopes: usize,
    /// If it is the end of a load: the evictions that made room for it, as the swaps of the report have them.
    pub made_room: Option<MadeRoom<'e>>,
}

/// The evictions that made room for a load.
#[derive(Clone, Copy, Debug)]
pub struct MadeRoom<'e> {
    /// What was loaded.
    pub module: ModuleId,
    /// What was evicted,
    pub evicted: &'e [ModuleId],
    /// and from where.
    pub from: Tier,
}

/// Why a way through a trace ended early.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WalkError {
    /// The file cannot be read, or has no such part.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// The visitor cannot write what it makes of the events.
    #[error(transparent)]
    Write(#[from] io::Error),
}

impl From<ReadError> for WalkError {
    fn from(error: ReadError) -> Self {
        Self::Range(error.into())
    }
}

/// Shows a part of the trace, of which a filter lets something through, to a visitor. `watch` is told of progress.
///
/// # Errors
///
/// The trace has no such part, cannot be read, or the visitor fails.
pub fn walk<'l>(
    log: &'l Log,
    (part, filter): (&TraceRange, &Filter),
    mut visitor: impl Visitor,
    watch: impl FnMut(Progress),
) -> Result<(), WalkError> {
    let mut event_filter = EventFilter::new(filter, log)?;
    let all = filter.is_empty();
    let mut tracker = RangeTracker::of(part, log)?;
    let mut driver = ReplayDriver::begin_with(log, Collectors::new(log), |now, event| {
        let admitted = all || event_filter.admits(now, event);
        if admitted {
            visitor.before(event);
        }
        admitted
    })?;
    if let (Some(from), Some(tracker)) = (log.kept_from(), &mut tracker) {
        tracker.kept(&mut driver.replay, &mut driver.observer, from);
    }
    let mut begun = false;
    if tracker.is_none() {
        begun = true;
        visitor.begin(&driver.replay, log.kept_from().unwrap_or_default())?;
    }
    let mut written = Ok(());
    let mut step = |replay: &mut Replay<'l>, collectors: &mut Collectors<'l>, step: &TimedEvent| {
        let TimedEvent { now, event } = step;
        if !all && !event_filter.admits(*now, event) {
            return Ok(());
        }
        if let Some(tracker) = &mut tracker {
            let admitted = tracker.admit(replay, collectors, now.time, event);
            let Some(from) = tracker.began() else {
                visitor.before(event);
                replay.apply(*now, event, collectors);
                return Ok(());
            };
            if !std::mem::replace(&mut begun, true) {
                visitor.begin(replay, from)?;
            }
            if !admitted {
                return Ok(());
            }
        }
        let mut seen = Seen::before(replay, *now, event);
        replay.apply(*now, event, collectors);
        // A heap's first event makes it.
        seen.heap = event.pool().and_then(|pool| replay.known_heap(pool));
        seen.made_room = made_room(log, collectors, *now, event);
        visitor.event(replay, &seen)
    };
    let mut replayed = driver.run(watch, |replay, collectors, batch| {
        written = batch.steps.iter().try_for_each(|next| step(replay, collectors, next));
        if written.is_ok() { Continue(()) } else { Break(()) }
    })?;
    written?;
    if let Some(tracker) = tracker {
        let end = log.end(replayed.events.latest());
        let (from, _) = tracker.finish(&mut replayed.replay, &mut replayed.observer, end)?;
        if !begun {
            visitor.begin(&replayed.replay, from)?;
        }
    }
    Ok(visitor.end(&replayed.replay)?)
}

impl<'e> Seen<'e> {
    fn before(replay: &Replay<'_>, now: EventContext, event: &'e Event) -> Self {
        let freed = match event {
            Event::BlockFree(free) | Event::BlockFreeRequested(free) | Event::BlockFreeCompleted(free) => {
                let heap = replay.known_heap(free.pool);
                heap.and_then(|heap| replay.heaps[heap].state.block(free.address.0))
            }
            _ => None,
        };
        let scopes = replay.thread(now.thread).scopes().len();
        Self { now, event, heap: None, freed, scopes, made_room: None }
    }
}

/// The evictions that made room for a load that ended now.
fn made_room<'c>(
    log: &Log,
    collectors: &'c Collectors<'_>,
    now: EventContext,
    event: &Event,
) -> Option<MadeRoom<'c>> {
    let Event::TransferEnd(end) = event else { return None };
    let thread = log.threads().position(|thread| thread == end.origin)?;
    let swap = collectors.movement.latest_swap(thread).filter(|swap| swap.time == now.time)?;
    Some(MadeRoom { module: swap.module, evicted: &swap.evicted, from: swap.device })
}
