//! The driver of a replay: it takes events from the log, applies each to the state and lets an observer see it.
//!
//! In a log of some size, chunks are read, unpacked and checked by a thread of their own. What is in them is decoded, merged and
//! replayed by another, some events at a time: an event that went from one processor's cache to another's would cost more than
//! its replay.

use std::{ops::ControlFlow, thread};

use memtrace_format::{Bytes, CHUNK_BYTES, Event};

use crate::{
    Progress, ReadError,
    merge::{Batch, Events, MergePlace},
    model::EventContext,
    replay::{Observer, Replay},
    source::Log,
};

/// With fewer chunks of events than this, a thread costs more than it brings.
const CHUNKS: u64 = 32;

/// A replay on its way through the events, with who observes it.
pub(crate) struct ReplayDriver<'a, O> {
    log: &'a Log,
    pub(crate) replay: Replay<'a>,
    pub(crate) observer: O,
    events: Events<'a>,
    /// Whether it is likely to end soon.
    is_short: bool,
}

/// A replay that has gone as far as it was to.
pub(crate) struct Replayed<'a, O> {
    pub(crate) replay: Replay<'a>,
    pub(crate) observer: O,
    /// The events up to there.
    pub(crate) events: Events<'a>,
}

impl<'a, O: Observer<'a>> ReplayDriver<'a, O> {
    /// Stands where the events begin that the file still has.
    pub(crate) fn begin(log: &'a Log, observer: O) -> Result<Self, ReadError> {
        Self::begin_with(log, observer, |_, _| true)
    }

    /// The same, with no more of what was before than is admitted.
    pub(crate) fn begin_with(
        log: &'a Log,
        mut observer: O,
        mut admits: impl FnMut(EventContext, &Event) -> bool,
    ) -> Result<Self, ReadError> {
        let mut events = Events::new(log);
        let mut replay = Replay::new(log);
        if log.baseline.is_some() {
            events.replay_baseline(|ticks, thread, event| {
                let now = EventContext { time: log.clock.nanos(ticks), thread };
                if admits(now, event) {
                    replay.apply(now, event, &mut observer);
                }
            })?;
        }
        if let Some(from) = log.kept_from() {
            replay.reset_at(from);
            observer.reset_at(from, &mut replay, log.begins_with_baseline());
        }
        Ok(Self { log, events, replay, observer, is_short: log.directory.counts.events < CHUNKS })
    }

    /// Stands where a replay stood, to go on a little.
    pub(crate) fn resume(log: &'a Log, replay: Replay<'a>, observer: O, place: &MergePlace) -> Self {
        Self { log, replay, observer, events: Events::from_place(log, place), is_short: true }
    }

    /// From now on, batches say where they stand, with at least so many events between.
    pub(crate) fn emit_places_every(&mut self, between: u64) {
        self.events.emit_places_every(between);
    }

    /// Goes on to the end, or until `each` breaks off: that is for the caller to replay the events by. `watch` is told of
    /// progress.
    pub(crate) fn run(
        self,
        watch: impl FnMut(Progress),
        mut each: impl FnMut(&mut Replay<'a>, &mut O, &Batch) -> ControlFlow<()>,
    ) -> Result<Replayed<'a, O>, ReadError> {
        self.drive(watch, |events, replay, observer, batch| {
            Ok(events.fill(batch)? && each(replay, observer, batch).is_continue())
        })
    }

    /// Replays all there is. `each` is told of every batch when it is replayed, and `watch` of progress.
    pub(crate) fn replay(
        self,
        watch: impl FnMut(Progress),
        mut each: impl FnMut(&Replay<'a>, &O, &Batch),
    ) -> Result<Replayed<'a, O>, ReadError> {
        self.drive(watch, |events, replay, observer, batch| {
            let more = if replay.is_crowded() {
                let more = events.fill(batch)?;
                replay.apply_all(&batch.steps, observer);
                more
            } else {
                events.pass_on(batch, |now, event| replay.apply(now, event, observer))?
            };
            each(replay, observer, batch);
            Ok(more)
        })
    }

    /// Takes batch after batch as long as there is `more`.
    fn drive(
        self,
        mut watch: impl FnMut(Progress),
        mut more: impl FnMut(&mut Events<'a>, &mut Replay<'a>, &mut O, &mut Batch) -> Result<bool, ReadError>,
    ) -> Result<Replayed<'a, O>, ReadError> {
        let Self { log, events, mut replay, mut observer, is_short } = self;
        let total = Bytes(log.directory.event_bytes());
        let mut go = |mut events: Events<'a>| {
            let mut batch = Batch::default();
            let mut chunks = 0;
            while more(&mut events, &mut replay, &mut observer, &mut batch)? {
                if batch.chunks != chunks {
                    chunks = batch.chunks;
                    watch(Progress { done: Bytes((chunks - 1) * CHUNK_BYTES as u64), total });
                }
            }
            events.read_in_time();
            Ok::<_, ReadError>(events)
        };
        let events = match is_short || log.has_one_thread() {
            true => go(events)?,
            // Whatever becomes of them, the events end before the scope does: the thread that reads ahead waits for them.
            false => thread::scope(|scope| {
                let mut events = events;
                events.read_ahead(scope);
                go(events)
            })?,
        };
        watch(Progress { done: total, total });
        Ok(Replayed { replay, observer, events })
    }
}
