//! A replay on its way through the events.
//!
//! In a trace of some size, chunks are read, unpacked and checked by a thread of their own. What is in them is decoded, merged and
//! replayed by another, some events at a time: an event that went from one processor's cache to another's would cost more than
//! its replay.

use std::{ops::ControlFlow, sync::Arc, thread};

use memtrace_format::{Bytes, CHUNK_BYTES, Event};

use crate::{
    Progress, ReadError, Trace,
    merge::{Batch, Events, MergePlace},
    replay::{Moment, Replay},
};

/// With fewer chunks of events than this, a thread costs more than it brings.
const CHUNKS: u64 = 32;

/// A passage through the events, with the replay that follows it.
pub(crate) struct Passage<'a> {
    trace: &'a Trace,
    pub(crate) replay: Replay<'a>,
    events: Events<'a>,
    /// Whether it is likely to end soon.
    is_short: bool,
}

/// A replay that has gone as far as it was to, and the events up to there.
pub(crate) type Passed<'a> = (Replay<'a>, Events<'a>);

impl<'a> Passage<'a> {
    /// Stands where the events begin that the file still has.
    pub(crate) fn begin(trace: &'a Trace) -> Result<Self, ReadError> {
        Self::begin_with(trace, |_, _| true)
    }

    /// The same, with no more of what was before than is admitted.
    pub(crate) fn begin_with(
        trace: &'a Trace,
        admits: impl FnMut(Moment, &Event) -> bool,
    ) -> Result<Self, ReadError> {
        Self::begin_on(trace.events(), trace, admits)
    }

    fn begin_on(
        mut events: Events<'a>,
        trace: &'a Trace,
        mut admits: impl FnMut(Moment, &Event) -> bool,
    ) -> Result<Self, ReadError> {
        let mut replay = Replay::new(trace);
        if trace.baseline.is_some() {
            events.replay_baseline(|ticks, thread, event| {
                let now = Moment { time: trace.clock.nanos(ticks), thread };
                if admits(now, event) {
                    replay.apply(now, event);
                }
            })?;
        }
        if let Some(from) = trace.kept_from() {
            let facts = std::mem::take(&mut replay.analyses.marks);
            replay.forget_the_past(from);
            if trace.begins_with_baseline() {
                replay.begin_with_baseline(facts);
            }
        }
        Ok(Self { trace, events, replay, is_short: trace.directory.counts.events < CHUNKS })
    }

    /// Stands where a replay stood, to go on a little.
    pub(crate) fn resume(trace: &'a Trace, replay: Replay<'a>, place: &MergePlace) -> Self {
        Self { trace, replay, events: Events::from_place(trace, place), is_short: true }
    }

    /// Goes on to the end, or until `each` breaks off: that is for the caller to replay the events by. `watch` is told of
    /// progress.
    pub(crate) fn run(
        self,
        watch: impl FnMut(Progress),
        mut each: impl FnMut(&mut Replay<'a>, &Batch) -> ControlFlow<()>,
    ) -> Result<Passed<'a>, ReadError> {
        self.go(watch, |events, replay, batch| Ok(events.fill(batch)? && each(replay, batch).is_continue()))
    }

    /// Replays a whole trace, with places now and then if so many events are to lie `between`. `each` is told of every batch when it is
    /// replayed, and `watch` of progress.
    ///
    /// Nearly always the stamps are in the order of the events, so that is what is tried first. If something does not fit then, the
    /// order is looked for, and the replay begins anew, with a new `state`.
    pub(crate) fn replay_whole<S>(
        trace: &'a Trace,
        between: Option<u64>,
        mut state: impl FnMut() -> S,
        mut watch: impl FnMut(Progress),
        mut each: impl FnMut(&mut S, &Replay<'a>, &Batch),
    ) -> Result<(Passed<'a>, S), ReadError> {
        loop {
            let is_known = trace.threads().len() < 2 || trace.known_order().is_some();
            let events = if is_known { trace.events() } else { Events::as_stamped(trace) };
            let mut passage = Self::begin_on(events, trace, |_, _| true)?;
            if let Some(between) = between {
                passage.events.tell_places(between);
            }
            let mut state = state();
            let passed = passage.go(&mut watch, |events, replay, batch| {
                let more = events.replay(replay, batch)?;
                let goes_on = is_known || !replay.oddities.question_the_order();
                if goes_on {
                    each(&mut state, replay, batch);
                }
                Ok(more && goes_on)
            })?;
            if is_known {
                return Ok((passed, state));
            }
            if passed.0.oddities.question_the_order() {
                trace.order()?;
                continue;
            }
            trace.set_order(&Arc::default());
            return Ok((passed, state));
        }
    }

    /// Takes batch after batch as long as there is `more`.
    fn go(
        self,
        mut watch: impl FnMut(Progress),
        mut more: impl FnMut(&mut Events<'a>, &mut Replay<'a>, &mut Batch) -> Result<bool, ReadError>,
    ) -> Result<Passed<'a>, ReadError> {
        let Self { trace, events, mut replay, is_short } = self;
        let total = Bytes(trace.directory.event_bytes());
        let mut go = |mut events: Events<'a>| {
            let mut batch = Batch::default();
            let mut chunks = 0;
            while more(&mut events, &mut replay, &mut batch)? {
                if batch.chunks != chunks {
                    chunks = batch.chunks;
                    watch(Progress { done: Bytes((chunks - 1) * CHUNK_BYTES as u64), total });
                }
            }
            events.read_in_time();
            Ok::<_, ReadError>(events)
        };
        let events = match is_short || trace.has_one_thread() {
            true => go(events)?,
            // Whatever becomes of them, the events end before the scope does: the thread that reads ahead waits for them.
            false => thread::scope(|scope| {
                let mut events = events;
                events.read_ahead(scope);
                go(events)
            })?,
        };
        watch(Progress { done: total, total });
        Ok((replay, events))
    }
}
