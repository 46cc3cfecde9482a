//! Protection against the loss of power, for those who ask for it: a thread that makes the disk hold what was recorded.
//!
//! Waiting for the disk takes as long as it takes, so neither an engine's thread nor the helper does it. While the disk is
//! being written to, the kernel makes pages read-only and takes a page fault at the next store into each: that is what an
//! engine pays.

use std::{
    fs::File,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    LogFile,
    thread::{Signal, Thread},
};
use crate::cursor;

/// The running thread.
pub(super) struct Sync {
    thread: Thread,
    shared: Arc<Shared>,
    /// How often the file was synced when the helper last asked.
    seen: u64,
}

#[derive(Default)]
struct Shared {
    stop: Signal<()>,
    synced: AtomicU64,
}

impl Sync {
    /// Starts the thread, which syncs the file and its name each `interval` and at the end. Call it on the helper's thread,
    /// whose descriptors and signal mask the thread gets.
    ///
    /// # Errors
    ///
    /// There can be no further thread or descriptor.
    pub(super) fn start(file: &LogFile, interval: Duration) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (log, path) = (file.file().try_clone()?, file.path().to_owned());
        let on_thread = Arc::clone(&shared);
        let thread = Thread::start(c"memtrace-sync", 64 << 10, move || {
            cursor::exclude_this_thread();
            // The file's name is in its folder, which is another thing to sync. Errors are the disk's; recording goes on.
            let _ = folder(&path).and_then(|folder| folder.sync_all());
            loop {
                let last = on_thread.stop.given_within(interval);
                let _ = log.sync_data();
                // Relaxed: a count, which orders nothing.
                on_thread.synced.fetch_add(1, Ordering::Relaxed);
                if last {
                    break;
                }
            }
        })?;
        Ok(Self { thread, shared, seen: 0 })
    }

    /// Whether the file was synced since the last call, which made its pages read-only.
    pub(super) fn happened(&mut self) -> bool {
        let synced = self.shared.synced.load(Ordering::Relaxed);
        std::mem::replace(&mut self.seen, synced) != synced
    }

    /// Syncs for the last time.
    pub(super) fn finish(self) {
        self.shared.stop.give(());
        self.thread.join();
    }
}

/// The folder of the file with this path.
fn folder(path: &Path) -> io::Result<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))
}
