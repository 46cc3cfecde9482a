//! The books at the end of a run, as data; `--json` prints exactly this.

use serde::Serialize;

use super::{Books, FailedRequest, HeapBook, HeapSummary, Jobs, ModulePage, Moves, RemedyBook};
use crate::options::{Faults, Remedies};
use crate::quantity::Bytes;

/// Everything the engine knows of its own run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) run: RunReport,
    pub(crate) device: DeviceReport,
    /// The device's heap, then the host's.
    pub(crate) heaps: Vec<HeapReport>,
    /// In the order in which they were first defined.
    pub(crate) modules: Vec<ModulePage>,
    /// Evictions that made room together with the arrivals they made it for; bytes of both transfers.
    pub(crate) swaps: Moves,
    /// Comparisons of weights with the fingerprint their file promises; one that disagrees ends the run.
    pub(crate) verified: Moves,
    pub(crate) remedies: RemedyBook,
    pub(crate) jobs: Jobs,
    /// Folded from the images, so that two runs can be compared.
    pub(crate) digest: String,
    pub(crate) threads: Vec<ThreadReport>,
    /// Whether every round was run; jobs may have failed all the same.
    pub(crate) completed: bool,
    /// The first thing that went wrong.
    pub(crate) error: Option<String>,
}

/// What was run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RunReport {
    pub(crate) engine: &'static str,
    pub(crate) version: &'static str,
    pub(crate) model: &'static str,
    pub(crate) tier: &'static str,
    pub(crate) scale: String,
    pub(crate) checkpoints: u32,
    pub(crate) switches: u32,
    pub(crate) seed: u64,
    pub(crate) faults: Faults,
    pub(crate) remedies: Remedies,
}

/// What it ran on.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DeviceReport {
    pub(crate) name: String,
    pub(crate) ordinal: u16,
    pub(crate) capacity_bytes: Bytes,
}

/// One heap.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct HeapReport {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) figures: HeapSummary,
    /// The requests that failed, in the order of time.
    pub(crate) failures: Vec<FailedRequest>,
}

impl HeapReport {
    pub(crate) fn of(name: String, book: &HeapBook) -> HeapReport {
        HeapReport { name, figures: book.summary(), failures: book.failures().to_vec() }
    }
}

/// One thread of the engine.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ThreadReport {
    /// Its place in the file of `--acks`.
    pub(crate) slot: usize,
    pub(crate) name: String,
    /// Events it handed to the tracer, whether or not that was recording.
    pub(crate) events: u64,
}

impl Books {
    /// Closes the books into a report, whose other parts are given.
    pub(crate) fn report(&self, run: RunReport, device: DeviceReport, heaps: Vec<HeapReport>) -> Report {
        let pages = self.pages();
        Report {
            run,
            device,
            heaps,
            modules: pages.modules.clone(),
            swaps: pages.swaps,
            verified: pages.verified,
            remedies: pages.remedies,
            jobs: pages.jobs,
            digest: String::new(),
            threads: Vec::new(),
            completed: false,
            error: None,
        }
    }
}
