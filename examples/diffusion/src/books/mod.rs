//! The engine's own books: what it allocated, moved and swapped, counted where it did so and without any look at what
//! the tracer recorded. Tests hold the analysis of a trace against them.

mod heap;
mod report;
mod table;

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

pub(crate) use self::heap::{FailedRequest, HeapBook, HeapSummary};
pub(crate) use self::report::{DeviceReport, HeapReport, Report, RunReport, ThreadReport};
pub(crate) use self::table::Table;
use crate::quantity::Bytes;

/// The books of modules, swaps and jobs. Heaps keep theirs, a [`HeapBook`] each, under their own locks.
#[derive(Default)]
pub(crate) struct Books {
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    modules: Vec<ModulePage>,
    swaps: Moves,
    verified: Moves,
    remedies: RemedyBook,
    jobs: Jobs,
}

/// What the remedies did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct RemedyBook {
    /// Weights that were loaded under another name already.
    pub(crate) shared: Moves,
    /// Cached segments given back to the driver before anything failed.
    pub(crate) released: Moves,
    /// Units sent out because memory was short.
    pub(crate) gave_way: Moves,
    /// Checkpoints that were kept and came back without being read, with their weights.
    pub(crate) reused: Moves,
    /// Kept checkpoints that were dropped, for room or because memory was short, with their weights.
    pub(crate) dropped: Moves,
}

/// A module's row. Two instances with one path, as a reload makes them, share it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row(usize);

/// One module.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ModulePage {
    /// Its own name.
    pub(crate) name: String,
    /// Its name after those of its parents, with dots between.
    pub(crate) path: String,
    /// Its parent's path.
    pub(crate) parent: Option<String>,
    /// The weights of it and its children.
    pub(crate) bytes: Bytes,
    pub(crate) fingerprint: Option<String>,
    pub(crate) instances: u64,
    pub(crate) forwards: u64,
    pub(crate) disk_to_host: Moves,
    pub(crate) host_to_device: Moves,
    pub(crate) device_to_host: Moves,
    /// Weights on the host that were dropped: the file has them, so nothing moves.
    pub(crate) host_to_disk: Moves,
}

/// How often, and how much in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Moves {
    pub(crate) count: u64,
    pub(crate) bytes: Bytes,
}

/// Where a transfer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    DiskToHost,
    HostToDevice,
    DeviceToHost,
    HostToDisk,
}

/// How the jobs ended.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Jobs {
    pub(crate) done: u64,
    pub(crate) failed: u64,
}

impl Books {
    /// Opens the row of a module, or finds that of an earlier instance with the same path.
    pub(crate) fn open(&self, page: ModulePage) -> Row {
        let modules = &mut self.pages().modules;
        let found = modules.iter().position(|module| module.path == page.path);
        let index = found.unwrap_or_else(|| {
            modules.push(page);
            modules.len() - 1
        });
        modules[index].instances += 1;
        Row(index)
    }

    pub(crate) fn forward(&self, row: Row) {
        self.pages().modules[row.0].forwards += 1;
    }

    /// One transfer that moved `bytes` of a module.
    pub(crate) fn moved(&self, row: Row, direction: Direction, bytes: Bytes) {
        let module = &mut self.pages().modules[row.0];
        match direction {
            Direction::DiskToHost => module.disk_to_host.add(bytes),
            Direction::HostToDevice => module.host_to_device.add(bytes),
            Direction::DeviceToHost => module.device_to_host.add(bytes),
            Direction::HostToDisk => module.host_to_disk.add(bytes),
        }
    }

    /// A module arrived for which another had been sent out; `bytes` are both transfers'.
    pub(crate) fn swapped(&self, bytes: Bytes) {
        self.pages().swaps.add(bytes);
    }

    /// A module's weights were compared with its file's fingerprint, and agree.
    pub(crate) fn verified(&self, bytes: Bytes) {
        self.pages().verified.add(bytes);
    }

    /// A remedy did something.
    pub(crate) fn remedied(&self, what: impl FnOnce(&mut RemedyBook) -> &mut Moves, bytes: Bytes) {
        what(&mut self.pages().remedies).add(bytes);
    }

    pub(crate) fn job_ended(&self, well: bool) {
        let jobs = &mut self.pages().jobs;
        if well {
            jobs.done += 1;
        } else {
            jobs.failed += 1;
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        // Each entry is complete on its own, so a panic elsewhere leaves the books usable.
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ModulePage {
    /// A page without entries.
    pub(crate) fn blank(path: String) -> ModulePage {
        ModulePage { path, ..ModulePage::default() }
    }
}

impl Moves {
    fn add(&mut self, bytes: Bytes) {
        self.count += 1;
        self.bytes += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_instances_of_a_path_share_a_row() {
        let books = Books::default();
        for bytes in [3, 4] {
            let row = books.open(ModulePage::blank("unet".to_owned()));
            books.moved(row, Direction::HostToDevice, Bytes(bytes));
        }
        let pages = books.pages();
        assert_eq!(pages.modules.len(), 1);
        assert_eq!(pages.modules[0].instances, 2);
        assert_eq!(pages.modules[0].host_to_device, Moves { count: 2, bytes: Bytes(7) });
    }
}
