//! The file: what it says of itself, where its chunks lie, what its ids stand for, and what of it is damaged.
//!
//! Everything is read with positioned reads of bounded size, never mapped: a file that somebody truncates while it is
//! read ends early, and that is all.

mod baseline;
mod chunk;
mod clock;
mod definitions;
mod directory;
mod error;
mod file;
mod losses;
mod order;
pub(crate) mod packed;
mod snapshot;
mod symbols;
mod untold;

pub(crate) use baseline::Baseline;
pub(crate) use chunk::ChunkReader;
pub(crate) use clock::Clock;
pub(crate) use definitions::parents;
pub use definitions::{Call, Definitions};
pub(crate) use directory::{Directory, EventChunk, FREE_RUN, ThreadChunks};
pub use error::ReadError;
pub use losses::{Damage, Losses};
pub(crate) use order::{Hold, Order};

use std::{
    fs::File,
    path::Path,
    sync::{Arc, OnceLock},
    thread::available_parallelism,
};

use memtrace_format::{
    ClockKind, Closing, Definition, Ending, FileHeader, LACKS_THREADS, LACKS_TIMES, RING, SIZES_DEDUCED,
    ThreadId, Ticks,
};

use crate::{Nanos, Text, report::Ended};
pub(crate) use file::LogFile;
pub use file::RegularFile;

/// The most nanoseconds that copying a ring takes.
const MOST_COPYING: u64 = 60_000_000_000;

/// An opened log: what a recording consists of, before any of its events is read.
#[derive(Debug)]
pub struct Log {
    pub(crate) file: LogFile,
    pub(crate) directory: Directory,
    pub(crate) clock: Clock,
    header: FileHeader,
    closing: Option<Closing>,
    pub(crate) baseline: Option<Baseline>,
    definitions: Definitions,
    losses: Losses,
    /// Of a ring that is being written: what was recorded later is not all here.
    pub(crate) until: Option<Ticks>,
    /// The process was killed, and may have lost more events than it came to tell of.
    untold: bool,
    being_written: bool,
    cycle: Option<Text>,
    one_thread: bool,
    /// What the stamps do not say of the order of events, once that is found.
    order: OnceLock<Arc<Order>>,
}

impl Log {
    /// Opens the trace at `path`: reads its header, its closing block, the header of every chunk and all definitions.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or it does not begin like a log of this version. Damage behind the header is no error: it is
    /// counted in [`losses`](Self::losses).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        Self::read(RegularFile::open(path.as_ref())?)
    }

    /// The trace in a file that is open already.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn of_file(file: File) -> Result<Self, ReadError> {
        Self::read(RegularFile::of(file)?)
    }

    fn read(file: RegularFile) -> Result<Self, ReadError> {
        let mut file = LogFile::of(file)?;
        let mut page = vec![0; FileHeader::BYTES];
        let have = file.read_up_to(0, &mut page)?;
        if have == 0 {
            return Err(ReadError::Empty);
        }
        let header = FileHeader::parse(&page[..have])?;
        let being_written = file.is_being_written();
        let mut copied_at = None;
        if being_written && header.incompatible & RING != 0 {
            copied_at = Some(snapshot::monotonic());
            file = LogFile::of(snapshot::take(&file, header.short_session())?)?;
        }
        let mut page = vec![0; Closing::BYTES];
        let have = file.read_up_to(memtrace_format::CLOSING_OFFSET as u64, &mut page)?;
        let closing = Closing::parse(&page[..have], header.short_session());

        let mut losses = Losses::default();
        let mut directory = Directory::read(&file, header.short_session(), &mut losses)?;
        let mut torn = Losses::default();
        let baseline = Baseline::read(&file, &directory, header.short_session(), &mut torn)?;
        if let Some(baseline) = &baseline {
            directory.begin_behind(baseline);
        }
        if copied_at.is_some() {
            directory.end_before_gaps(baseline.as_ref());
        }
        let definitions = Definitions::read(&file, &directory, header.short_session(), &mut losses)?;
        let last = closing.as_ref().map(|closing| closing.end);
        let clock =
            Clock::fit(header.clock, header.start, directory.calibrations.iter().copied().chain(last));
        let since = copied_at.map(|at| Nanos(at.saturating_sub(header.start.monotonic_ns)));
        // A container may have such a clock of its own, which says nothing of the tracer's.
        let newest = directory.calibrations.iter().map(|calibration| clock.nanos(calibration.ticks)).max();
        let is_one_clock = |since: &Nanos| newest.unwrap_or_default().since(*since) < Nanos(MOST_COPYING);
        let until = since.filter(is_one_clock).map(|since| clock.ticks(since));
        if !being_written {
            // While it is, one may be cleared between its first byte and its last.
            losses.join(&torn);
        }
        let is_over = closing.as_ref().is_some_and(|closing| closing.is_final());
        let untold = !is_over && !being_written && untold::may_be(&file, &directory, &definitions)?;
        Ok(Self {
            file,
            directory,
            clock,
            header,
            closing,
            baseline,
            definitions,
            losses,
            until,
            untold,
            being_written,
            cycle: None,
            one_thread: available_parallelism().is_ok_and(|threads| threads.get() == 1),
            order: OnceLock::new(),
        })
    }

    /// What the trace says of itself.
    pub fn header(&self) -> &FileHeader {
        &self.header
    }

    /// Whether another program recorded it, and it was imported.
    pub fn is_imported(&self) -> bool {
        self.header.clock == ClockKind::Imported
    }

    /// Whether the baseline is what was live before recording began, and stands for no events.
    pub(crate) fn begins_with_baseline(&self) -> bool {
        self.is_imported()
            && self.baseline.as_ref().is_some_and(|baseline| baseline.at <= self.header.start.ticks)
    }

    /// Whether the recording knows what was asked for, and not how long the blocks are.
    pub(crate) fn sizes_deduced(&self) -> bool {
        self.header.compatible & SIZES_DEDUCED != 0
    }

    /// What the tracer wrote last of all, if it came to that.
    pub fn closing(&self) -> Option<&Closing> {
        self.closing.as_ref()
    }

    /// What the ids stand for.
    pub fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    /// Hands every definition that can be read to `each`, in the order of the log.
    pub(crate) fn each_definition(&self, each: impl FnMut(Definition)) -> Result<(), ReadError> {
        let mut known = Losses::default();
        Definitions::each(&self.file, &self.directory, self.header.short_session(), &mut known, each)
    }

    /// The threads that the trace has events of, in the order of their indices.
    pub fn threads(&self) -> impl ExactSizeIterator<Item = ThreadId> {
        self.directory.threads.iter().map(|thread| thread.id)
    }

    /// The thread with this index; none if there is none.
    pub fn thread(&self, index: usize) -> ThreadId {
        self.directory.threads.get(index).map_or(ThreadId::NONE, |thread| thread.id)
    }

    /// The damage found while opening. More may come to light while events are read: see [`Events::losses`](crate::Events::losses).
    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    /// Whether times are times, and not positions among the events.
    pub fn has_times(&self) -> bool {
        self.header.compatible & LACKS_TIMES == 0
    }

    /// Whether what is a thread here was one in the program.
    pub fn has_threads(&self) -> bool {
        self.header.compatible & LACKS_THREADS == 0
    }

    /// How the recording ended.
    pub fn ended(&self) -> Ended {
        match &self.closing {
            _ if self.is_imported() => Ended::Untold,
            Some(closing) if closing.ending != Ending::Running => Ended::Clean,
            _ if self.being_written => Ended::Running,
            _ => Ended::Killed,
        }
    }

    /// Whether events may have been lost of which nothing tells: a thread needed room when its process was killed.
    pub(crate) fn has_untold_losses(&self) -> bool {
        self.untold
    }

    /// In ring mode: when the events begin that were kept.
    pub fn kept_from(&self) -> Option<Nanos> {
        self.baseline.as_ref().map(|baseline| self.clock.nanos(baseline.at))
    }

    /// The end: the clean one, or the time of the last event, which is `latest`.
    pub(crate) fn end(&self, latest: Nanos) -> Nanos {
        let finally = self.closing.as_ref().filter(|closing| closing.is_final());
        finally.map_or(Nanos(0), |closing| self.clock.nanos(closing.end.ticks)).max(latest)
    }

    /// The latest instant of which is known, before any event is read, that the recording came so far.
    pub fn latest_known(&self) -> Nanos {
        let chunks = self.directory.threads.iter().flat_map(|thread| &thread.chunks);
        let told = self.closing.as_ref().map(|closing| closing.end.ticks);
        self.clock.nanos(chunks.filter_map(|chunk| chunk.first).chain(told).max().unwrap_or_default())
    }

    /// Looks for growth over this cycle alone: the name of a phase, a scope, a mark or a module that repeats.
    /// Without, every one is looked at.
    #[must_use]
    pub fn with_cycle(self, name: &str) -> Self {
        Self { cycle: Some(Text::new(name)), ..self }
    }

    /// Reads and replays by turns, on the thread that asks, where otherwise a long trace is read by a thread of its own. What is
    /// found is the same. So it is anyway where there is one processor.
    #[must_use]
    pub fn with_one_thread(self) -> Self {
        Self { one_thread: true, ..self }
    }

    /// Whether reading has no thread of its own.
    pub(crate) fn has_one_thread(&self) -> bool {
        self.one_thread
    }

    /// The only cycle whose growth is looked for.
    pub(crate) fn cycle(&self) -> Option<&Text> {
        self.cycle.as_ref()
    }

    /// What the stamps do not say of the order of events, if it is known.
    pub(crate) fn known_order(&self) -> Option<&Arc<Order>> {
        self.order.get()
    }

    /// The order is known now; the first one that was found stays.
    pub(crate) fn set_order(&self, order: &Arc<Order>) -> &Order {
        self.order.get_or_init(|| Arc::clone(order))
    }
}
