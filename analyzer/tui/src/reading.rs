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
    Message,
    opening::{Facts, SoFar},
};

/// More often than this, progress is not worth a frame.
const PROGRESS_EVERY: Duration = Duration::from_millis(30);

/// While a trace is followed, it is analyzed no more often than this.
const REST: Duration = Duration::from_secs(1);

/// While a trace is followed, there are so many times as much rest as work, so that the engine keeps the processor.
const REST_PER_WORK: u32 = 9;

/// Analyses under way.
pub(crate) struct Reading(thread::JoinHandle<Result<(), OpenError>>);

impl Reading {
    /// Why nothing could be read; `Err` is what the thread panicked with.
    pub(crate) fn join(self) -> thread::Result<Result<(), OpenError>> {
        self.0.join()
    }
}

/// Starts to analyze: [`Message::Analyzed`] brings each analysis, and [`Message::Read`] says that there will be no more.
pub(crate) fn start(path: &Path, follow: bool, messages: Sender<Message>) -> Reading {
    let path = path.to_owned();
    let work = move || {
        let reader = Reader { path, messages };
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
    Reading(spawned.expect("the system has a thread left"))
}

struct Reader {
    path: PathBuf,
    messages: Sender<Message>,
}

impl Reader {
    fn read(&self, tells_progress: bool) -> Result<Arc<Trace>, OpenError> {
        let (mut progress_told, mut found_told) = (Told::now(), Told::now());
        let mut tell = |progress| {
            if tells_progress && progress_told.is_long_ago() {
                self.tell(Message::Progress(progress));
            }
        };
        let trace = memtrace_import::open(&self.path, &mut |stage, progress| {
            if stage == Stage::Reading {
                tell(progress);
            }
        })?;
        self.tell(Message::Opened(Facts::of(&trace)));
        let analysis = trace.analyze_showing(tell, |found| {
            if tells_progress && found_told.is_long_ago() {
                self.tell(Message::Found(SoFar::of(found)));
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

/// When something was told last.
struct Told(Instant);

impl Told {
    fn now() -> Self {
        Self(Instant::now())
    }

    /// Whether it is worth telling anew; then it counts as told.
    fn is_long_ago(&mut self) -> bool {
        let is_long_ago = self.0.elapsed() >= PROGRESS_EVERY;
        if is_long_ago {
            self.0 = Instant::now();
        }
        is_long_ago
    }
}

/// So that a panic ends the wait as well.
impl Drop for Reader {
    fn drop(&mut self) {
        self.tell(Message::Read);
    }
}
