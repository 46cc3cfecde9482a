//! Requests that failed.

use memtrace_format::{Bytes, ModuleId};

use super::Balance;
use crate::replay::{Moment, ScopeId};

/// The most failed requests that are kept: the first.
const KEPT: usize = 4096;

/// A request that failed, and how its heap was at the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailedRequest {
    pub(crate) now: Moment,
    /// The index of the heap in the replay.
    pub(crate) heap: usize,
    pub(crate) requested: Bytes,
    pub(crate) device_free: Option<Bytes>,
    /// None for a heap without segments.
    pub(crate) inactive: Option<u64>,
    pub(crate) largest_free: Option<u64>,
    pub(crate) module: ModuleId,
    pub(crate) scope: ScopeId,
    /// The memory of the device that the heap is of.
    pub(crate) balance: Option<Balance>,
}

/// Watches for failed requests.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    pub(crate) kept: Vec<FailedRequest>,
    pub(crate) total: u64,
}

impl Failures {
    pub(crate) fn add(&mut self, failed: FailedRequest) {
        self.total += 1;
        if self.kept.len() < KEPT {
            self.kept.push(failed);
        }
    }
}
