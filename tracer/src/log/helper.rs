//! The helper thread: grows, maps and populates the file ahead of the threads that record, and seals behind them.

use std::{
    collections::VecDeque,
    io,
    mem::{self, ManuallyDrop},
    ptr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use memtrace_format::{CHUNK_BYTES, Closing, Ending, FIRST_CHUNK_OFFSET};

use super::{
    Log, LogFile, LogFileError, MOST_READY,
    extent::{EXTENT_BYTES, EXTENT_CHUNKS, Extent},
    file::Growth,
};
use crate::{clock, losses, session::Session};

/// How far ahead of use the file is mapped at first, in chunks: 16 MiB, what two threads can fill at the floor's rate
/// while the helper sleeps longest.
const FIRST_AHEAD: u64 = 256;

/// How far ahead of use pages are populated at first and at most, in chunks: 2 and 16 MiB.
const POPULATED: (u64, u64) = (32, 256);

/// How long the helper sleeps: when there is work, and at most.
const NAP: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(4));

/// How often the closing block is written while recording, at first and at most. A killed run is timed by the last one.
const HEARTBEAT: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// The running helper thread.
pub(crate) struct Helper {
    thread: JoinHandle<()>,
    stop: Arc<AtomicBool>,
}

impl Helper {
    /// Makes the first chunks ready and starts the thread.
    ///
    /// # Errors
    ///
    /// The file cannot hold them, or there can be no further thread.
    pub(crate) fn start(session: &'static Session, file: LogFile) -> Result<Self, HelperError> {
        let mut work = Work::new(session, file);
        if let Err(error) = work.add_extent() {
            work.file.discard();
            return Err(error.into());
        }
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let thread = with_signals_blocked(|| {
            let builder = thread::Builder::new().name("memtrace".to_owned()).stack_size(256 << 10);
            builder.spawn(move || work.run(&stopping))
        })?;
        Ok(Self { thread, stop })
    }

    /// Ends the thread once it has sealed what was given back, closed the log and cut off what was not used.
    pub(crate) fn finish(self) {
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        // A panic in the helper has said so on stderr; the log is readable without what it did not get to.
        let _ = self.thread.join();
    }
}

/// Why the helper cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HelperError {
    #[error(transparent)]
    File(#[from] LogFileError),
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

/// Runs `start` so that the thread it starts gets none of the program's signals.
fn with_signals_blocked<T>(start: impl FnOnce() -> T) -> T {
    // SAFETY: both sets are valid places, filled before they are read; the calls have no other effect than the mask.
    unsafe {
        let mut all = mem::zeroed();
        let mut before = mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        let result = start();
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut());
        result
    }
}

struct Work {
    session: &'static Session,
    log: &'static Log,
    file: LogFile,
    /// The extents that still have unsealed chunks, oldest first; `None` where one is done before an older one. Never
    /// dropped, not even by a panic: threads may be writing to them.
    extents: ManuallyDrop<VecDeque<Option<Extent>>>,
    /// The number of the first in `extents`.
    first_extent: u64,
    /// Chunks made ready since the beginning.
    made: u64,
    /// Chunks whose pages were populated, counted from the beginning of the file.
    populated: u64,
    /// How far ahead to map and to populate, in chunks.
    ahead: u64,
    populate_ahead: u64,
    /// Why the file cannot grow any more. What is ready can still be used.
    full: Option<LogFileError>,
    /// Whether events were lost because of that, and the program's user was told.
    stopped: bool,
}

impl Work {
    fn new(session: &'static Session, file: LogFile) -> Self {
        Self {
            session,
            log: &session.log,
            file,
            extents: ManuallyDrop::default(),
            first_extent: 0,
            made: 0,
            populated: 0,
            ahead: FIRST_AHEAD,
            populate_ahead: POPULATED.0,
            full: None,
            stopped: false,
        }
    }

    fn run(mut self, stop: &AtomicBool) {
        let mut nap = NAP.0;
        let mut used_before = 0;
        let mut heartbeat = HEARTBEAT.0;
        let mut last_heartbeat = Instant::now();
        while !stop.load(Ordering::Acquire) {
            self.adapt(self.used() - used_before);
            nap = if self.used() > used_before { NAP.0 } else { (nap * 2).min(NAP.1) };
            used_before = self.used();
            self.seal_retired();
            self.make_ready();
            self.session.definitions.write_pending(self.log);
            self.notice_stop();
            if last_heartbeat.elapsed() >= heartbeat {
                self.write_closing(Ending::Running);
                last_heartbeat = Instant::now();
                heartbeat = (heartbeat * 2).min(HEARTBEAT.1);
            }
            thread::park_timeout(nap);
        }
        self.finish();
    }

    /// Looks further ahead when threads used up much of what was ready since the last look.
    fn adapt(&mut self, used: u64) {
        if used * 4 > self.ahead {
            self.ahead = (self.ahead * 2).min(MOST_READY as u64 - EXTENT_CHUNKS);
        }
        if used * 4 > self.populate_ahead {
            self.populate_ahead = (self.populate_ahead * 2).min(POPULATED.1);
        }
    }

    /// Chunks that threads took since the beginning.
    fn used(&self) -> u64 {
        self.made - self.log.ready.len() as u64
    }

    fn seal_retired(&mut self) {
        while let Some(retired) = self.log.retired.pop() {
            let number = retired.chunk.sequence / EXTENT_CHUNKS;
            retired.seal();
            let slot = &mut self.extents[(number - self.first_extent) as usize];
            if slot.as_mut().is_some_and(Extent::seal_one) {
                *slot = None;
            }
            while let Some(None) = self.extents.front() {
                self.extents.pop_front();
                self.first_extent += 1;
            }
        }
    }

    fn make_ready(&mut self) {
        self.populate();
        while self.full.is_none() && self.made - self.used() < self.ahead {
            if let Err(error) = self.add_extent() {
                self.end_growth(error);
            }
        }
        self.populate();
    }

    fn add_extent(&mut self) -> Result<(), LogFileError> {
        let number = self.made / EXTENT_CHUNKS;
        let Growth { units: chunks, shortage } = self.file.grow(CHUNK_BYTES as u64, EXTENT_CHUNKS)?;
        let extent =
            Extent::map(self.file.file(), number, chunks).map_err(|error| self.file.map_error(error))?;
        for chunk in extent.chunks(self.made, clock::calibrate(self.session.clock)) {
            // There is room: `ahead` stays an extent below the queue's capacity.
            let _ = self.log.ready.push(chunk);
        }
        self.made += chunks;
        self.extents.push_back(Some(extent));
        // An extent that is shorter than others is the last one.
        if let Some(shortage) = shortage {
            self.end_growth(shortage);
        }
        Ok(())
    }

    fn populate(&mut self) {
        /// Chunks in one step: 2 MiB.
        const STEP: u64 = 32;
        let used = self.used();
        self.populated = self.populated.max(used / STEP * STEP);
        while self.populated < self.made && self.populated < used + self.populate_ahead {
            let extent = self.populated / EXTENT_CHUNKS;
            if let Some(Some(extent)) = self.extents.get((extent - self.first_extent) as usize) {
                extent.populate(self.populated % EXTENT_CHUNKS, STEP);
            }
            self.populated += STEP;
        }
    }

    /// No chunk will come behind those that are ready.
    fn end_growth(&mut self, error: LogFileError) {
        self.log.stop(error.cause());
        self.full.get_or_insert(error);
    }

    /// When the first event is lost because the file could not grow, recording is over; the program goes on.
    fn notice_stop(&mut self) {
        let Some(error) = self.full.as_ref().filter(|_| !self.stopped) else { return };
        if losses::total().of(error.cause()) > 0 {
            eprintln!("memtrace: recording stops: {error}");
            self.stopped = true;
            self.write_closing(Ending::Stopped);
        }
    }

    fn write_closing(&mut self, ending: Ending) {
        let closing = Closing {
            ending: if self.stopped { Ending::Stopped } else { ending },
            end: clock::calibrate(self.session.clock),
            drops: losses::total(),
            text: self.full.as_ref().filter(|_| self.stopped).map(ToString::to_string).unwrap_or_default(),
        };
        if let Err(error) = self.file.write_closing(&closing, self.log.short_session()) {
            self.end_growth(error);
        }
    }

    /// Takes the chunks that nobody used out of reach, then cuts them off.
    fn finish(mut self) {
        self.session.definitions.close(self.log);
        let mut unused_from = self.made;
        let mut unused: Vec<u64> = Vec::new();
        while let Some(chunk) = self.log.ready.pop() {
            unused.push(chunk.sequence);
        }
        unused.sort_unstable();
        while let Some(last) = unused.pop_if(|&mut last| last + 1 == unused_from) {
            unused_from = last;
        }
        self.seal_retired();
        self.notice_stop();
        self.write_closing(Ending::Clean);
        if let Err(error) = self.file.truncate(FIRST_CHUNK_OFFSET as u64 + unused_from * CHUNK_BYTES as u64) {
            eprintln!("memtrace: {error}");
        }
    }
}

const _: () = assert!(EXTENT_BYTES.is_multiple_of(2 << 20));
