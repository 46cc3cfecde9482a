//! The transfers that have begun and not ended.

use hashbrown::{HashMap, hash_map::Entry};
use memtrace_format::TransferBegin;

use crate::model::TransferKey;

/// The most transfers that are open at a time. Those beyond are not followed: how many there are is the file's choice.
pub(crate) const OPEN_TRANSFERS: usize = 1 << 16;

/// The transfers that have begun and not ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenTransfers(HashMap<TransferKey, OpenTransfer>);

/// A transfer that has begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenTransfer {
    pub(crate) begin: TransferBegin,
    /// The index of the thread that began it.
    pub(crate) thread: usize,
}

impl OpenTransfers {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Every one of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (TransferKey, &TransferBegin)> {
        self.0.iter().map(|(&key, open)| (key, &open.begin))
    }

    /// A transfer begins. `false`: it had begun already, and begins anew.
    pub(super) fn begin(&mut self, key: TransferKey, open: OpenTransfer) -> bool {
        let full = self.0.len() >= OPEN_TRANSFERS;
        match self.0.entry(key) {
            Entry::Occupied(mut known) => {
                known.insert(open);
                false
            }
            Entry::Vacant(entry) => {
                if !full {
                    entry.insert(open);
                }
                true
            }
        }
    }

    /// A transfer ends. None if its begin is not recorded.
    pub(super) fn end(&mut self, key: TransferKey) -> Option<OpenTransfer> {
        self.0.remove(&key)
    }
}
