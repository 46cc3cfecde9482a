//! What a job needs beyond the request that failed: the rest of the module that was being loaded, or of the phase that was running.

use memtrace_format::{ModuleId, NameId};

/// Something of the job that must be on the device at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) of: NeedOf,
    /// All of it.
    pub(crate) whole: u64,
    /// What it computes with beside that, at the least.
    pub(crate) work: u64,
    /// What of it was there when the request failed.
    pub(crate) there: u64,
}

/// What needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NeedOf {
    /// A module whose load was under way.
    Load(ModuleId),
    /// The phase that was running, by what its earlier runs took.
    Phase(NameId),
}

impl Need {
    /// What was still missing, the failed request included.
    pub(crate) fn still(&self) -> u64 {
        self.whole.saturating_add(self.work).saturating_sub(self.there)
    }
}

/// The need that asks for the most, if it asks for more than the failed request alone.
pub(crate) fn greatest(needs: &[Need], block: u64) -> Option<&Need> {
    needs.iter().filter(|need| need.still() > block).max_by_key(|need| need.still())
}
