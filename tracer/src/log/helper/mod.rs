//! The helper thread: grows, maps and populates the file ahead of the threads that record, and seals behind them.

mod closing;

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use memtrace_format::{DropCounts, Ending, FIRST_CHUNK_OFFSET};

use super::{
    Chunk, Log, LogFile, LogFileError, Place,
    descriptors::keep_descriptors_apart,
    faults,
    recycler::Recycler,
    supply::Supply,
    sync::Sync,
    thread::{Signal, Thread},
};
use crate::{
    bus_error, cursor, main_thread,
    message::say,
    session::{self, Session},
    signals, state,
};

/// How long the helper sleeps: when chunks are being taken, and at most while the next might not wake it. Each sleep in
/// which no chunk was taken doubles the next; one that is longer than this ends when a chunk is taken.
const NAP: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(4));

/// How often the closing block is written while recording, at first and at most. A killed run is timed by the last one. It is
/// also what an idle helper wakes for.
const HEARTBEAT: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// How long the helper sleeps at most once the main thread has left: the process may end any time.
const LAST_NAP: Duration = Duration::from_millis(10);

/// The running helper thread.
pub(crate) struct Helper {
    log: &'static Log,
    thread: Thread,
    stop: Arc<AtomicBool>,
}

impl Helper {
    /// Starts the thread and waits until it has made the log at `place`, which may become `limit` bytes long, and the first
    /// chunks.
    ///
    /// # Errors
    ///
    /// There can be no further thread, or the file cannot be made or hold the chunks. Then no file is left behind.
    pub(crate) fn start(
        session: &'static Session,
        place: Place,
        limit: Option<u64>,
        sync: Option<Duration>,
    ) -> Result<Self, HelperError> {
        let stop = Arc::new(AtomicBool::new(false));
        let ready = Arc::new(Signal::default());
        let (stopping, making) = (Arc::clone(&stop), Arc::clone(&ready));
        faults::begin();
        // The thread gets the mask of this one, and so none of the program's signals.
        let signals = signals::hold_back();
        let thread = Thread::start(c"memtrace", 256 << 10, move || {
            cursor::exclude_this_thread();
            keep_descriptors_apart();
            let begin = || LogFile::create(&place, limit).and_then(|file| Work::begin(session, file));
            // Somebody waits, so a panic must be answered too.
            match catch_unwind(AssertUnwindSafe(begin)) {
                Ok(Ok(mut work)) => {
                    making.give(Ok(()));
                    work.sync = sync.and_then(|interval| work.start_sync(interval));
                    work.run(&stopping);
                }
                Ok(Err(error)) => making.give(Err(HelperError::File(error))),
                Err(_) => making.give(Err(HelperError::Thread(io::Error::other("it panicked")))),
            }
        })?;
        drop(signals);
        match ready.wait() {
            Ok(()) => Ok(Self { log: &session.log, thread, stop }),
            Err(error) => {
                thread.join();
                Err(error)
            }
        }
    }

    /// Ends the thread once it has sealed what was given back, closed the log and cut off what was not used.
    pub(crate) fn finish(self) {
        self.stop.store(true, Ordering::Release);
        self.log.bell.ring_for_the_end();
        self.thread.join();
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

struct Work {
    session: &'static Session,
    log: &'static Log,
    supply: Supply,
    /// In ring mode.
    recycler: Option<Recycler>,
    /// If it was asked for.
    sync: Option<Sync>,
    /// Chunks made ready since the beginning, each time that they were.
    made: u64,
    /// Of these, how many were sealed.
    sealed: u64,
    /// What the closing block says was lost.
    told: DropCounts,
    /// Whether events were lost because of a shortage of chunks, and the program's user was told.
    stopped: bool,
}

impl Work {
    /// Writes the header and makes the first chunks ready. A file in which that fails is removed.
    fn begin(session: &'static Session, file: LogFile) -> Result<Self, LogFileError> {
        let mut work = Self {
            session,
            log: &session.log,
            supply: Supply::new(file, session.clock),
            recycler: session.log.is_ring().then(|| Recycler::new(session)),
            sync: None,
            made: 0,
            sealed: 0,
            told: DropCounts::default(),
            stopped: false,
        };
        let file = &mut work.supply.file;
        let headed = file.grow(FIRST_CHUNK_OFFSET as u64, 1);
        let begun = headed.and_then(|_| file.write_header(session.log.header()));
        match begun.and_then(|()| work.add_extent()) {
            Ok(()) => {
                work.tell_threads();
                Ok(work)
            }
            Err(error) => {
                work.supply.file.discard();
                Err(error)
            }
        }
    }

    fn start_sync(&self, interval: Duration) -> Option<Sync> {
        let sync = Sync::start(&self.supply.file, interval);
        sync.inspect_err(|error| say(format_args!("recording without MEMTRACE_FSYNC: {error}"))).ok()
    }

    fn run(mut self, stop: &AtomicBool) {
        let mut nap = NAP.0;
        let mut used_before = 0;
        let mut heartbeat = HEARTBEAT.0;
        let mut last_heartbeat = Instant::now();
        let mut ends_process = None;
        while !stop.load(Ordering::Acquire) {
            let used = self.used();
            nap = if used > used_before { NAP.0 } else { (nap * 2).min(HEARTBEAT.1) };
            used_before = used;
            self.notice_faults();
            self.grow(stop);
            self.seal_retired(stop);
            self.make_ready(stop);
            self.recycle();
            self.log.call_scarce(self.scarce());
            self.session.definitions.write_pending(self.log);
            self.notice_stop();
            let due = last_heartbeat.elapsed() >= heartbeat;
            if due || main_thread::has_left() {
                ends_process = main_thread::end_process_if_alone();
            }
            if ends_process.is_some() {
                session::end_with_the_process();
                break;
            }
            let lost = self.log.ledger.try_total().unwrap_or(self.told);
            // What is lost is told at once: a process that is killed tells nothing afterwards.
            if due || (!self.stopped && self.told != lost) {
                self.write_closing(Ending::Running, lost);
            }
            if due {
                last_heartbeat = Instant::now();
                heartbeat = (heartbeat * 2).min(HEARTBEAT.1);
            }
            bus_error::stay_first();
            if main_thread::has_left() {
                nap = nap.min(LAST_NAP);
            }
            self.sleep(nap.min(heartbeat.saturating_sub(last_heartbeat.elapsed())), used, stop);
        }
        self.finish();
        if let Some(status) = ends_process {
            // SAFETY: ending the process has no condition.
            unsafe { libc::_exit(status) };
        }
    }

    /// Sleeps for this time, unless chunks are scarce and more can be made at once. A long sleep ends when threads have taken more than `used` chunks, every one when recording does.
    fn sleep(&self, time: Duration, used: u64, stop: &AtomicBool) {
        let bell = &self.log.bell;
        if self.supply.is_short(self.log.ready()) && self.log.ready() < self.scarce() {
            return;
        }
        let nothing_new = if time <= NAP.1 {
            bell.nap();
            true
        } else {
            bell.listen();
            self.used() == used
        };
        if nothing_new && !stop.load(Ordering::Relaxed) {
            bell.sleep(time);
        }
        bell.wake_up();
    }

    /// How few chunks are so few that more are wanted at once.
    fn scarce(&self) -> usize {
        match (&self.recycler, self.supply.shortage()) {
            (Some(_), Some(_)) => Recycler::few(self.supply.chunks()) / 2,
            (None, Some(_)) => 0,
            (_, None) => self.supply.ahead() / 2,
        }
    }

    /// Chunks that threads took since the beginning.
    fn used(&self) -> u64 {
        self.made - self.log.ready() as u64
    }

    /// Seals what threads gave back. To read it takes about as long as to fill it, so threads get chunks in between.
    fn seal_retired(&mut self, stop: &AtomicBool) {
        while let Some((slot, used)) = self.log.seal_next() {
            self.sealed += 1;
            match &mut self.recycler {
                Some(recycler) => recycler.given_back(slot, used),
                None => self.supply.sealed_for_good(slot),
            }
            self.grow(stop);
        }
    }

    /// Populates pages, as long as threads have chunks: one whose pages are not there costs page faults, and none costs events.
    fn make_ready(&mut self, stop: &AtomicBool) {
        if self.sync.as_mut().is_some_and(Sync::happened) {
            self.supply.populate_again();
        }
        let is_enough = |work: &Self| !stop.load(Ordering::Relaxed) && work.log.ready() >= work.scarce();
        while is_enough(self) && self.supply.populate(self.used(), self.owned()) {
            self.grow(stop);
        }
    }

    /// Grows the file until enough chunks are ready.
    fn grow(&mut self, stop: &AtomicBool) {
        self.supply.adapt(self.used(), self.owned());
        while !stop.load(Ordering::Relaxed) && self.supply.is_short(self.log.ready()) {
            if let Err(error) = self.add_extent() {
                self.end(error);
            }
        }
    }

    /// How many chunks threads own, more or less.
    fn owned(&self) -> u64 {
        self.used().saturating_sub(self.sealed + self.log.given_back() as u64)
    }

    fn add_extent(&mut self) -> Result<(), LogFileError> {
        for chunk in self.supply.add_extent(self.log.ready())? {
            self.hand_out(chunk);
        }
        Ok(())
    }

    fn hand_out(&mut self, chunk: Chunk) {
        let kept = match &mut self.recycler {
            Some(recycler) => recycler.pass_on(chunk),
            None => Some(chunk),
        };
        let Some(mut chunk) = kept else { return };
        chunk.sequence = self.made;
        self.made += 1;
        // There is room: the supply stays an extent below the queue's capacity, and the recycler below half of it.
        let _ = self.log.hand_out(chunk);
    }

    /// In ring mode, when the file cannot grow: uses the oldest chunks again.
    fn recycle(&mut self) {
        while let Some(recycler) = self.recycler.as_mut().filter(|_| self.supply.shortage().is_some()) {
            match recycler.next_free(self.log, self.supply.chunks()) {
                Ok(Some(chunk)) => self.hand_out(chunk),
                Ok(None) => break,
                Err(live) => self.end_ring(live),
            }
        }
        if let Some(recycler) = &mut self.recycler {
            recycler.looked();
        }
    }

    /// The file is too small for a baseline of what is live, let alone for events.
    fn end_ring(&mut self, live: u64) {
        self.recycler = None;
        self.supply.replace_shortage(|file| file.ring_error(live));
        self.tell_threads();
    }

    /// No chunk will come behind those that are ready.
    fn end(&mut self, error: LogFileError) {
        self.supply.end(error);
        self.tell_threads();
    }

    /// Lets threads count what they lose under the cause of the shortage.
    fn tell_threads(&self) {
        if let (Some(error), None) = (self.supply.shortage(), &self.recycler) {
            self.log.stop(error.cause());
        }
    }

    /// When a store into the file failed, or is going to because the file is cut, recording is over; the program goes on.
    fn notice_faults(&mut self) {
        let failed = faults::happened();
        if !self.stopped && (failed || self.supply.file.was_truncated()) {
            self.recycler = None;
            self.supply.replace_shortage(LogFile::fault);
            self.tell_threads();
            state::stop();
            self.say_why_it_stops();
        }
        if failed && let Some(error) = self.supply.shortage() {
            self.log.ledger.count(error.cause(), faults::take_lost());
        }
    }
}
