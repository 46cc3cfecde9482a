//! A part of a trace as a trace of its own: what lies before it is folded into a baseline, as in a ring that kept just this.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use memtrace_analysis::{Nanos, Log, cut::cut};
//!
//! let trace = Log::open("run.trace")?;
//! let part = std::fs::File::create_new("part.trace")?;
//! cut(&trace, Nanos(1_500_000_000), Some(Nanos(2_000_000_000)), part, &mut |_| ())?;
//! # Ok(())
//! # }
//! ```

mod references;

use std::{fs::File, io};

use memtrace_baseline::Fold;
use memtrace_format::{
    Bytes, Closing, DropCause, DropCounts, Ending, Event, FileHeader, Folded, HeapId, PoolId, RING, ThreadId,
    Ticks,
};

use crate::{
    Nanos, Progress, RangeError, ReadError, chunk_writer::ChunkWriter, merge::Events, report::CUT,
    source::Log,
};
use references::References;

/// What cutting did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cut {
    /// Where the part begins.
    pub from: Nanos,
    /// Where it ends.
    pub to: Nanos,
    /// The events of the part.
    pub events: u64,
    /// The events before it, which are folded into its baseline.
    pub folded: u64,
}

/// Why a trace is not cut.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CutError {
    /// The trace has no such part, or cannot be read.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// The part cannot be written.
    #[error("it cannot be written: {0}")]
    Write(#[from] io::Error),
}

impl From<ReadError> for CutError {
    fn from(error: ReadError) -> Self {
        Self::Range(error.into())
    }
}

/// Writes what happened from one instant to another, both included, into `part`, an empty file, with an exact account of what was
/// live, open and where before. `to` is none for the trace's end. `watch` is told how far it has come.
///
/// # Errors
///
/// The trace has no such part, it cannot be read, or the part cannot be written. What is in `part` then is no log.
pub fn cut(
    trace: &Log,
    from: Nanos,
    to: Option<Nanos>,
    part: File,
    watch: &mut dyn FnMut(Progress),
) -> Result<Cut, CutError> {
    if let Some(to) = to.filter(|&to| to < from) {
        return Err(RangeError::Backwards { from, to }.into());
    }
    let from = trace.kept_from().map_or(from, |kept| kept.max(from));
    let header = FileHeader { incompatible: trace.header().incompatible & !RING, ..*trace.header() };
    let mut cutting = Cutting {
        trace,
        at: trace.clock.ticks(from),
        fold: Fold::default(),
        folded: 0,
        out: ChunkWriter::new(part, header.short_session(), trace.clock.far(header.start)),
        references: References::default(),
        drops: DropCounts::default(),
    };
    cutting.fold.know_pools(&heap_of_pool(trace));
    let mut events = Events::new(trace);
    events.replay_baseline(|ticks, thread, event| cutting.fold_in(ticks, thread, event))?;
    let total = Bytes(trace.directory.event_bytes());
    let (mut count, mut begun, mut cut_off) = (0, false, false);
    while let Some(next) = events.next_ticked()? {
        watch(Progress { done: events.bytes_read(), total });
        let now = trace.clock.nanos(next.now);
        if to.is_some_and(|to| now > to) {
            cut_off = true;
            break;
        }
        if now < from {
            cutting.fold_in(next.now, next.thread, &next.event);
            continue;
        }
        if !std::mem::replace(&mut begun, true) {
            cutting.write_baseline()?;
        }
        count += 1;
        cutting.write(next.latest, next.thread, &next.event)?;
    }
    let end = trace.end(events.latest());
    if from > end {
        return Err(RangeError::BehindTheEnd { from, end }.into());
    }
    if !begun {
        cutting.write_baseline()?;
    }
    let to = to.filter(|&to| cut_off || to < end).map_or((end, false), |to| (to, true));
    let folded = cutting.folded;
    cutting.finish(header, &events, to)?;
    watch(Progress { done: total, total });
    Ok(Cut { from, to: to.0, events: count, folded })
}

struct Cutting<'a> {
    trace: &'a Log,
    /// Where the part begins.
    at: Ticks,
    fold: Fold,
    folded: u64,
    out: ChunkWriter,
    references: References,
    /// What records say was lost.
    drops: DropCounts,
}

impl Cutting<'_> {
    fn thread(&self, index: usize) -> ThreadId {
        self.trace.directory.threads.get(index).map_or(ThreadId::NONE, |thread| thread.id)
    }

    fn fold_in(&mut self, time: Ticks, thread: usize, event: &Event) {
        self.folded += 1;
        self.lost(event);
        self.fold.apply(time, self.thread(thread), event);
    }

    fn write(&mut self, time: Ticks, thread: usize, event: &Event) -> io::Result<()> {
        self.lost(event);
        self.references.add(event);
        self.out.event(self.thread(thread), time.max(self.at), event)
    }

    fn lost(&mut self, event: &Event) {
        if let Event::Dropped { cause: Some(cause), count, .. } = event {
            self.drops.add(*cause, *count);
        }
    }

    fn write_baseline(&mut self) -> io::Result<()> {
        let threads = self.trace.directory.threads.iter();
        let folded: Vec<_> =
            threads.map(|thread| Folded { thread: thread.id, chunk: 0, record: 0 }).collect();
        let mut written = Ok(());
        let Self { fold, out, references, at, .. } = self;
        fold.baseline(&folded, |time, event| {
            references.add(&event);
            if written.is_ok() {
                written = out.baseline(*at, time.min(*at), &event);
            }
        });
        written
    }

    fn finish(
        mut self,
        header: FileHeader,
        events: &Events<'_>,
        (end, cut_off): (Nanos, bool),
    ) -> Result<(), CutError> {
        let trace = self.trace;
        self.references.follow(trace)?;
        let mut written = Ok(());
        trace.each_definition(|definition| {
            if written.is_ok() && self.references.need(&definition) {
                written = self.out.define(&definition);
            }
        })?;
        written?;
        let closing = trace.closing();
        let before = closing.map(|closing| closing.drops).unwrap_or_default();
        let mut drops = DropCounts::default();
        for &cause in DropCause::ALL {
            drops.add(cause, before.of(cause).max(events.drops().of(cause)).max(self.drops.of(cause)));
        }
        let (ending, text) = match closing {
            _ if cut_off => (Ending::Stopped, CUT),
            Some(closing) => (closing.ending, closing.text.as_str()),
            None => (Ending::Running, ""),
        };
        let end = trace.clock.calibration(header.start, trace.clock.ticks(end));
        self.out.finish(header, &Closing { ending, end, drops, text: text.to_owned() })?;
        Ok(())
    }
}

/// The heap of each pool. A pool whose definition is lost is a heap of its own.
fn heap_of_pool(trace: &Log) -> Vec<HeapId> {
    let heap = |pool: u16| match trace.definitions().pool(PoolId(pool)) {
        Some(definition) => HeapId(definition.heap),
        None => HeapId(u32::MAX - u32::from(pool)),
    };
    (1..=u16::MAX).map(heap).collect()
}
