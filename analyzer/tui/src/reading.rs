//! The analysis, on a thread of its own: once, or again and again while the trace is being written.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, mpsc::Sender},
    thread,
    time::{Duration, Instant},
};

use memtrace_analysis::{Trace, report::Ended};
use memtrace_import::{OpenError, Stage};

use super::{
    message::Message,
    opening::{Facts, FirstFigures},
};

/// The least time between two messages of progress.
const PROGRESS_EVERY: Duration = Duration::from_millis(30);

/// The least pause between two analyses of a trace that is followed.
const REST: Duration = Duration::from_secs(1);

/// The ratio of rest to work while a trace is followed, which leaves the processor to the engine.
const REST_PER_WORK: u32 = 9;

/// Analyses under way.
pub(crate) struct ReadingThread(thread::JoinHandle<Result<(), OpenError>>);

impl ReadingThread {
    /// Waits for the thread and returns its error, if reading failed; `Err` carries the thread's panic.
    pub(crate) fn join(self) -> thread::Result<Result<(), OpenError>> {
        self.0.join()
    }
}

/// Starts to analyze: [`Message::Analyzed`] brings each analysis, and [`Message::Read`] says that there will be no more.
pub(crate) fn start(path: &Path, follow: bool, messages: Sender<Message>) -> ReadingThread {
    let path = path.to_owned();
    let work = move || {
        let reader = TraceReader { path, messages };
        let mut worked = Instant::now();
        let mut trace = reader.read(true)?;
        while follow && trace.ended() == Ended::Running {
            thread::sleep(REST.max(worked.elapsed() * REST_PER_WORK));
            worked = Instant::now();
            match reader.read(false) {
                Ok(read) => trace = read,
                Err(error) => {
                    reader.tell(Message::Lost(error));
                    break;
                }
            }
        }
        Ok(())
    };
    let spawned = thread::Builder::new().name("memtrace-analysis".to_owned()).spawn(work);
    ReadingThread(spawned.expect("the system has a thread left"))
}

struct TraceReader {
    path: PathBuf,
    messages: Sender<Message>,
}

impl TraceReader {
    fn read(&self, tells_progress: bool) -> Result<Arc<Trace>, OpenError> {
        let (mut progress_told, mut found_told) = (Throttle::now(), Throttle::now());
        let mut tell = |progress| {
            if tells_progress && progress_told.is_long_ago() {
                self.tell(Message::Progress(progress));
            }
        };
        let trace = memtrace_import::open_recording(&self.path, &mut |stage, progress| {
            if stage == Stage::Reading {
                tell(progress);
            }
        })?;
        self.tell(Message::Opened(Facts::of(&trace)));
        let analysis = trace.analyze_showing(tell, |found| {
            if tells_progress && found_told.is_long_ago() {
                self.tell(Message::Found(FirstFigures::of(found)));
            }
        });
        let analysis = Box::new(analysis?);
        let trace = Arc::new(trace);
        self.tell(Message::Analyzed(analysis, Arc::clone(&trace)));
        Ok(trace)
    }

    fn tell(&self, message: Message) {
        // Nobody listens when the user did not wait for the end.
        let _ = self.messages.send(message);
    }
}

/// The time of the last message, for messages that are rationed.
struct Throttle(Instant);

impl Throttle {
    fn now() -> Self {
        Self(Instant::now())
    }

    /// Returns true if the last message is long ago; then a new one is recorded as sent.
    fn is_long_ago(&mut self) -> bool {
        let is_long_ago = self.0.elapsed() >= PROGRESS_EVERY;
        if is_long_ago {
            self.0 = Instant::now();
        }
        is_long_ago
    }
}

/// Ends the wait, after a panic too.
impl Drop for TraceReader {
    fn drop(&mut self) {
        self.tell(Message::Read);
    }
}
