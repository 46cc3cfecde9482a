//! The analysis, on a thread of its own.

use std::{
    path::Path,
    sync::{Arc, mpsc::Sender},
    thread,
    time::{Duration, Instant},
};

use super::Message;
use crate::{
    Analysis, Trace,
    import::{self, OpenError, Stage},
};

/// More often than this, progress is not worth a frame.
const PROGRESS_EVERY: Duration = Duration::from_millis(30);

/// An analysis under way.
pub(crate) struct Reading(thread::JoinHandle<Result<(Analysis, Arc<Trace>), OpenError>>);

impl Reading {
    /// What was found; `Err` is what the thread panicked with.
    pub(crate) fn join(self) -> thread::Result<Result<(Analysis, Arc<Trace>), OpenError>> {
        self.0.join()
    }
}

/// Starts to analyze; [`Message::Read`] says when there is something to [`join`](Reading::join).
pub(crate) fn start(path: &Path, messages: Sender<Message>) -> Reading {
    let path = path.to_owned();
    let work = move || {
        // Sent when it is dropped, so that a panic ends the wait as well.
        let announce = Announce(messages);
        let mut told = Instant::now();
        let mut tell = |progress| {
            if told.elapsed() >= PROGRESS_EVERY {
                told = Instant::now();
                // Nobody listens when the user did not wait for the end.
                let _ = announce.0.send(Message::Progress(progress));
            }
        };
        let trace = import::open(path, &mut |stage, progress| {
            if stage == Stage::Reading {
                tell(progress);
            }
        })?;
        let analysis = trace.analyze(tell)?;
        Ok((analysis, Arc::new(trace)))
    };
    let spawned = thread::Builder::new().name("memtrace-analysis".to_owned()).spawn(work);
    Reading(spawned.expect("the system has a thread left"))
}

struct Announce(Sender<Message>);

impl Drop for Announce {
    fn drop(&mut self) {
        let _ = self.0.send(Message::Read);
    }
}
