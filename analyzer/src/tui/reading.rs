//! The analysis, on a thread of its own.

use std::{path::Path, sync::mpsc::Sender, thread};

use super::Message;
use crate::{Analysis, ReadError, analyze};

/// An analysis under way.
pub(crate) struct Reading(thread::JoinHandle<Result<Analysis, ReadError>>);

impl Reading {
    /// What was found; `Err` is what the thread panicked with.
    pub(crate) fn join(self) -> thread::Result<Result<Analysis, ReadError>> {
        self.0.join()
    }
}

/// Starts to analyze; [`Message::Read`] says when there is something to [`join`](Reading::join).
pub(crate) fn start(path: &Path, messages: Sender<Message>) -> Reading {
    let path = path.to_owned();
    let work = move || {
        // Sent when it is dropped, so that a panic ends the wait as well.
        let _announce = Announce(messages);
        analyze(path)
    };
    let spawned = thread::Builder::new().name("memtrace-analysis".to_owned()).spawn(work);
    Reading(spawned.expect("the system has a thread left"))
}

struct Announce(Sender<Message>);

impl Drop for Announce {
    fn drop(&mut self) {
        // Nobody listens when the user did not wait for the end.
        let _ = self.0.send(Message::Read);
    }
}
