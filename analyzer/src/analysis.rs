//! The whole way, from a file to answers.

use std::path::Path;

use memtrace_format::{Bytes, CHUNK_BYTES};

use crate::{
    ReadError, Trace,
    merge::Events,
    replay::{Moment, Replay},
    report::{Info, Report},
    summary::{describe, summarize},
    timeline::Timeline,
};

/// What an analysis of a trace found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Analysis {
    /// Figures and names.
    pub report: Report,
    /// The course of the run, for charts.
    pub timeline: Timeline,
}

/// How far an analysis has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The bytes of the file that are replayed.
    pub done: Bytes,
    /// The bytes of the file that hold events.
    pub total: Bytes,
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
        let (replay, events) = self.replay(watch)?;
        Ok(summarize(replay, &events))
    }

    /// Replays all events and says what the file is.
    ///
    /// # Errors
    ///
    /// The operating system cannot read a part of the file.
    pub fn info(&self, watch: impl FnMut(Progress)) -> Result<Info, ReadError> {
        let (replay, events) = self.replay(watch)?;
        Ok(describe(&replay, &events))
    }

    fn replay(&self, mut watch: impl FnMut(Progress)) -> Result<(Replay<'_>, Events<'_>), ReadError> {
        let total = Bytes(self.directory.event_bytes());
        let mut events = self.events();
        let mut replay = Replay::new(self);
        if let Some(baseline) = &self.baseline {
            events.replay_baseline(|time, thread, event| replay.apply(Moment { time, thread }, event))?;
            replay.forget_the_past(self.clock.nanos(baseline.at));
        }
        let mut chunks = 0;
        while let Some((time, thread, event)) = events.next_event()? {
            replay.apply(Moment { time, thread }, &event);
            if events.chunks_read() != chunks {
                chunks = events.chunks_read();
                watch(Progress { done: Bytes((chunks - 1) * CHUNK_BYTES as u64), total });
            }
        }
        watch(Progress { done: total, total });
        Ok((replay, events))
    }
}
