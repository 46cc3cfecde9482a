//! The memory of a device at an instant, by who has it.

use std::cmp::Ordering;

use crate::Nanos;

/// What the heaps of a device hold of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    /// The segments, and the blocks of heaps that have none.
    pub(crate) reserved: u64,
    pub(crate) active: u64,
    /// Whether a heap has no segments: it may hold more than its blocks.
    pub(crate) without_segments: bool,
}

/// Who said what is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FreeSource {
    Driver,
    Nvml,
    /// The engine, when a request failed.
    Engine,
    /// The host, whose memory the device's is.
    Host,
}

/// What was free, and what the heaps held then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Free {
    pub(crate) bytes: u64,
    pub(crate) source: FreeSource,
    pub(crate) sampled: Nanos,
    /// Whether `bytes` is what was sampled, less what heaps have taken since.
    pub(crate) moved: bool,
}

/// A sampled figure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sampled {
    pub(crate) bytes: u64,
    pub(crate) time: Nanos,
}

/// What the process had of a device when the list of processes was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnProcess {
    pub(crate) bytes: u64,
    pub(crate) time: Nanos,
    /// What its heaps held of that.
    pub(crate) held: Option<u64>,
}

/// A device's memory at an instant, as far as it was told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Balance {
    pub(crate) time: Nanos,
    pub(crate) held: Option<Held>,
    pub(crate) total: Option<u64>,
    pub(crate) free: Option<Free>,
    pub(crate) own: Option<OwnProcess>,
    pub(crate) others: Option<Sampled>,
    /// What the driver's own pool keeps for the process and has not handed out.
    pub(crate) pool_inactive: Option<Sampled>,
}

impl Balance {
    /// What is in use of the device, by anybody.
    pub(crate) fn used(&self) -> Option<u64> {
        Some(self.total?.saturating_sub(self.free?.bytes))
    }

    pub(crate) fn least_free_first(&self, other: &Self) -> Ordering {
        let bytes = |balance: &Self| balance.free.map_or(u64::MAX, |free| free.bytes);
        bytes(self).cmp(&bytes(other))
    }
}
