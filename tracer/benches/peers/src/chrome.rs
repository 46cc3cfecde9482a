//! tracing with tracing-chrome: events go through a channel to a thread that writes them as JSON.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use memtrace_measure::Case;
use tracing_chrome::{ChromeLayerBuilder, FlushGuard};
use tracing_subscriber::prelude::*;

static EVENTS: AtomicU64 = AtomicU64::new(0);

pub(crate) struct Recording {
    writer: FlushGuard,
    file: PathBuf,
}

pub(crate) fn start(folder: &Path) -> Recording {
    let file = folder.join("chrome.json");
    let (layer, writer) = ChromeLayerBuilder::new().file(&file).build();
    tracing_subscriber::registry().with(layer).init();
    Recording { writer, file }
}

pub(crate) fn event() -> Case<'static> {
    Case::of_batches("tracing-chrome event", 1, || {
        (0..memtrace_measure::BATCH).for_each(|_| tracing::info!("step"));
        EVENTS.fetch_add(memtrace_measure::BATCH, Ordering::Relaxed);
    })
}

impl Recording {
    pub(crate) fn proof(self) -> String {
        drop(self.writer);
        let file = File::open(&self.file).expect("the layer made its file");
        let bytes = file.metadata().map_or(0, |metadata| metadata.len());
        let instants = BufReader::new(file)
            .split(b'\n')
            .filter(|line| line.as_ref().is_ok_and(|line| line.windows(8).any(|part| part == br#""ph":"i""#)))
            .count();
        let events = EVENTS.load(Ordering::Relaxed);
        format!("tracing-chrome: {instants} of {events} events are in its file, of {} MiB", bytes >> 20)
    }
}
