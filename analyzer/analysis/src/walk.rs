//! The way through a part of a trace that every streaming export takes: the replay goes along, so that each event is seen with
//! the state that it led to.

use std::{
    io,
    ops::ControlFlow::{Break, Continue},
};

use memtrace_format::Event;
use thiserror::Error;

use crate::{
    Filter, Nanos, Part, PartError, Progress, ReadError, Trace,
    filter::Sieve,
    part::Borders,
    passage::Passage,
    replay::{Block, Moment, Replay, Step},
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
    pub now: Moment,
    /// The event.
    pub event: &'e Event,
    /// The heap that it is about, as the replay numbers them.
    pub heap: Option<usize>,
    /// The block that it gives back, as it was.
    pub freed: Option<Block>,
    /// The number of scopes open on its thread.
    pub scopes: usize,
}

/// Why a way through a trace ended early.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WalkError {
    /// The file cannot be read, or has no such part.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The visitor cannot write what it makes of the events.
    #[error(transparent)]
    Write(#[from] io::Error),
}

impl From<ReadError> for WalkError {
    fn from(error: ReadError) -> Self {
        Self::Part(error.into())
    }
}

/// Shows a part of the trace, of which a filter lets something through, to a visitor. `watch` is told of progress.
///
/// # Errors
///
/// The trace has no such part, cannot be read, or the visitor fails.
pub fn walk(
    trace: &Trace,
    (part, filter): (&Part, &Filter),
    mut visitor: impl Visitor,
    watch: impl FnMut(Progress),
) -> Result<(), WalkError> {
    let mut sieve = Sieve::new(filter, trace)?;
    let all = filter.is_empty();
    let mut borders = Borders::of(part, trace)?;
    let mut passage = Passage::begin_with(trace, |now, event| {
        let admitted = all || sieve.admits(now, event);
        if admitted {
            visitor.before(event);
        }
        admitted
    })?;
    if let (Some(from), Some(borders)) = (trace.kept_from(), &mut borders) {
        borders.kept(&mut passage.replay, from);
    }
    let mut begun = false;
    if borders.is_none() {
        begun = true;
        visitor.begin(&passage.replay, trace.kept_from().unwrap_or_default())?;
    }
    let mut written = Ok(());
    let mut step = |replay: &mut Replay<'_>, step: &Step| {
        let Step { now, event } = step;
        if !all && !sieve.admits(*now, event) {
            return Ok(());
        }
        if let Some(borders) = &mut borders {
            let admitted = borders.admit(replay, now.time, event);
            let Some(from) = borders.began() else {
                visitor.before(event);
                replay.apply(*now, event);
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
        replay.apply(*now, event);
        // A heap's first event makes it.
        seen.heap = heap_of(replay, event);
        visitor.event(replay, &seen)
    };
    let (mut replay, events) = passage.run(watch, |replay, batch| {
        written = batch.steps.iter().try_for_each(|next| step(replay, next));
        if written.is_ok() { Continue(()) } else { Break(()) }
    })?;
    written?;
    if let Some(borders) = borders {
        let (from, _) = borders.finish(&mut replay, trace.end(&events))?;
        if !begun {
            visitor.begin(&replay, from)?;
        }
    }
    Ok(visitor.end(&replay)?)
}

impl<'e> Seen<'e> {
    fn before(replay: &mut Replay<'_>, now: Moment, event: &'e Event) -> Self {
        let freed = match event {
            Event::BlockFree(free) | Event::BlockFreeRequested(free) | Event::BlockFreeCompleted(free) => {
                let heap = replay.heap_index(free.pool);
                replay.heaps[heap].state.block(free.address.0)
            }
            _ => None,
        };
        Self { now, event, heap: None, freed, scopes: replay.thread(now.thread).scopes().len() }
    }
}

/// The heap that an event is about.
fn heap_of(replay: &mut Replay<'_>, event: &Event) -> Option<usize> {
    event.pool().map(|pool| replay.heap_index(pool))
}
