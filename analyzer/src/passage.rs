//! A replay on its way through the events.

use memtrace_format::{Bytes, CHUNK_BYTES, Event};

use crate::{
    Progress, ReadError, Trace,
    merge::Events,
    replay::{Moment, Replay},
};

/// A passage through the events, with the replay that follows it.
pub(crate) struct Passage<'a, W> {
    trace: &'a Trace,
    events: Events<'a>,
    pub(crate) replay: Replay<'a>,
    watch: W,
    chunks: u64,
}

impl<'a, W: FnMut(Progress)> Passage<'a, W> {
    /// Stands where the events begin that the file still has.
    pub(crate) fn begin(trace: &'a Trace, watch: W) -> Result<Self, ReadError> {
        let mut events = trace.events();
        let mut replay = Replay::new(trace);
        if trace.baseline.is_some() {
            events.replay_baseline(|time, thread, event| replay.apply(Moment { time, thread }, event))?;
        }
        if let Some(from) = trace.kept_from() {
            let facts = std::mem::take(&mut replay.analyses.marks);
            replay.forget_the_past(from);
            if trace.is_imported() {
                replay.begin_with_baseline(facts);
            }
        }
        Ok(Self { trace, events, replay, watch, chunks: 0 })
    }

    /// The next event; it is for the caller to replay it.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Result<Option<(Moment, Event)>, ReadError> {
        let next = self.events.next_event()?;
        if self.events.chunks_read() != self.chunks {
            self.chunks = self.events.chunks_read();
            let total = Bytes(self.trace.directory.event_bytes());
            (self.watch)(Progress { done: Bytes((self.chunks - 1) * CHUNK_BYTES as u64), total });
        }
        Ok(next.map(|(time, thread, event)| (Moment { time, thread }, event)))
    }

    pub(crate) fn end(mut self) -> (Replay<'a>, Events<'a>) {
        let total = Bytes(self.trace.directory.event_bytes());
        (self.watch)(Progress { done: total, total });
        (self.replay, self.events)
    }
}
