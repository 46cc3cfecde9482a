//! A trace: an opened log, and all that can be asked of it.

use std::{fs::File, num::NonZeroU64, ops::Deref, path::Path};

use crate::{
    Analysis, Checkpoints, Events, Filter, Nanos, Progress, RangeError, ReadError, SnapshotAt,
    SnapshotAtError, SoFar, TraceRange,
    diff::SnapshotsDiff,
    events::EventPlace,
    passes::{Composition, Grouping, composition},
    report::{Info, State},
    seek,
    snapshot::HeapSnapshot,
    source::Log,
};

/// An opened trace.
#[derive(Debug)]
pub struct Trace(Log);

/// What a trace is without a look at its events.
impl Deref for Trace {
    type Target = Log;

    fn deref(&self) -> &Log {
        &self.0
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
    /// Opens the trace at `path`: reads its header, its closing block, the header of every chunk and all definitions.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or it does not begin like a log of this version. Damage behind the header is no error: it is
    /// counted in [`losses`](Log::losses).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        Log::open(path.as_ref()).map(Self)
    }

    /// The trace in a file that is open already.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn of_file(file: File) -> Result<Self, ReadError> {
        Log::of_file(file).map(Self)
    }

    /// Looks for growth over this cycle alone: the name of a phase, a scope, a mark or a module that repeats.
    /// Without, every one is looked at.
    #[must_use]
    pub fn with_cycle(self, name: &str) -> Self {
        Self(self.0.with_cycle(name))
    }

    /// Reads and replays by turns, on the thread that asks, where otherwise a long trace is read by a thread of its own. What is
    /// found is the same. So it is anyway where there is one processor.
    #[must_use]
    pub fn with_one_thread(self) -> Self {
        Self(self.0.with_one_thread())
    }

    /// The events of all threads in the order of time.
    pub fn events(&self) -> Events<'_> {
        Events::new(self)
    }

    /// Replays all events and says what it found. `watch` is told of progress at every chunk.
    ///
    /// # Errors
    ///
    /// The operating system cannot read a part of the file.
    pub fn analyze(&self, watch: impl FnMut(Progress)) -> Result<Analysis, ReadError> {
        crate::analyze::analyze(self, watch, |_| ())
    }

    /// The same; `show` is shown now and then what was found so far.
    ///
    /// # Errors
    ///
    /// The operating system cannot read a part of the file.
    pub fn analyze_showing(
        &self,
        watch: impl FnMut(Progress),
        show: impl FnMut(&SoFar<'_, '_>),
    ) -> Result<Analysis, ReadError> {
        crate::analyze::analyze(self, watch, show)
    }

    /// Replays all events and says what it found in a part of the trace: the figures are those of a ring that kept this
    /// part. `watch` is told of progress at every chunk.
    ///
    /// # Errors
    ///
    /// The trace has no such part, or the operating system cannot read a part of the file.
    pub fn analyze_range(
        &self,
        part: &TraceRange,
        watch: impl FnMut(Progress),
    ) -> Result<Analysis, RangeError> {
        self.analyze_filtered(part, &Filter::default(), watch)
    }

    /// Replays what a filter lets through and says what it found in a part of the trace. `watch` is told of progress.
    ///
    /// # Errors
    ///
    /// The trace has no such part, device or thread, or the operating system cannot read a part of the file.
    pub fn analyze_filtered(
        &self,
        part: &TraceRange,
        filter: &Filter,
        watch: impl FnMut(Progress),
    ) -> Result<Analysis, RangeError> {
        crate::analyze::analyze_filtered(self, part, filter, watch)
    }

    /// When a part of the trace begins and ends. `watch` is told of progress.
    ///
    /// # Errors
    ///
    /// The trace has no such part, or the operating system cannot read a part of the file.
    pub fn ends_of(
        &self,
        part: &TraceRange,
        watch: impl FnMut(Progress),
    ) -> Result<(Nanos, Nanos), RangeError> {
        crate::analyze::ends_of(self, part, watch)
    }

    /// Replays all events and says what the file is.
    ///
    /// # Errors
    ///
    /// The operating system cannot read a part of the file.
    pub fn info(&self, watch: impl FnMut(Progress)) -> Result<Info, ReadError> {
        crate::analyze::info(self, watch)
    }

    /// Checkpoints so many events apart, whatever room they take. [`analyze`](Self::analyze) takes as many as pay.
    ///
    /// # Errors
    ///
    /// The operating system cannot read a part of the file.
    pub fn checkpoints(&self, every: NonZeroU64) -> Result<Checkpoints, ReadError> {
        Checkpoints::every(self, every)
    }

    /// The state of every heap at an instant: after all events up to it, those of that instant too.
    ///
    /// # Errors
    ///
    /// The operating system cannot read a part of the file.
    pub fn at(&self, checkpoints: &Checkpoints, time: Nanos) -> Result<HeapSnapshot, ReadError> {
        seek::at(self, checkpoints, time)
    }

    /// The state of every heap right after one event, which happens at `time`: that of this index in the heap number `heap`,
    /// both counted as in the report of the whole trace. So the peak of a heap is `at_event(.., peak.time_ns, heap,
    /// peak.event_index)`, with no other event of the same instant.
    ///
    /// # Errors
    ///
    /// The operating system cannot read a part of the file.
    pub fn at_event(
        &self,
        checkpoints: &Checkpoints,
        time: Nanos,
        heap: usize,
        event_index: u64,
    ) -> Result<HeapSnapshot, ReadError> {
        seek::at_event(self, checkpoints, time, heap, event_index)
    }

    /// The state of every heap right after the event at this place, with no later event of the same instant.
    ///
    /// # Errors
    ///
    /// The operating system cannot read a part of the file.
    pub fn at_place(&self, checkpoints: &Checkpoints, place: EventPlace) -> Result<HeapSnapshot, ReadError> {
        seek::at_place(self, checkpoints, place)
    }

    /// What every heap holds at an instant.
    ///
    /// # Errors
    ///
    /// The trace has no such instant, or the operating system cannot read a part of the file.
    pub fn state(&self, checkpoints: &Checkpoints, when: &SnapshotAt) -> Result<State, SnapshotAtError> {
        seek::state(self, checkpoints, when)
    }

    /// What is live at an instant.
    ///
    /// # Errors
    ///
    /// The trace has no such instant, or the operating system cannot read a part of the file.
    pub fn instant(
        &self,
        checkpoints: &Checkpoints,
        when: &SnapshotAt,
    ) -> Result<HeapSnapshot, SnapshotAtError> {
        seek::instant(self, checkpoints, when)
    }

    /// What is new in the heaps at the second instant, and what is gone.
    ///
    /// # Errors
    ///
    /// The trace has no such instants, or the operating system cannot read a part of the file.
    pub fn compare(
        &self,
        checkpoints: &Checkpoints,
        a: &SnapshotAt,
        b: &SnapshotAt,
    ) -> Result<SnapshotsDiff, SnapshotAtError> {
        seek::compare(self, checkpoints, a, b)
    }

    /// When that is.
    ///
    /// # Errors
    ///
    /// The trace has no such instant, or the operating system cannot read a part of the file.
    pub fn time_of(&self, when: &SnapshotAt) -> Result<Nanos, SnapshotAtError> {
        seek::time_of(self, when)
    }

    /// What the heap with this place in the report was made of: the `count` parts with the most at some time, and the rest.
    /// Their bytes add up to the heap's at every instant; the extremes of each are exact.
    ///
    /// `watch` is told of progress, and says whether to go on; `None`: it said no, or there is no such heap.
    ///
    /// # Errors
    ///
    /// The operating system cannot read a part of the file.
    pub fn composition(
        &self,
        heap: usize,
        by: Grouping,
        count: usize,
        watch: impl FnMut(Progress) -> bool,
    ) -> Result<Option<Composition>, ReadError> {
        composition(self, heap, by, count, watch)
    }
}
