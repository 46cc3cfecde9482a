//! The contents of the heaps at one instant.

use memtrace_format::Bytes;
use serde::Serialize;

use super::{Block, Breakdown, Figures, FragmentationAt, PeakBy};
use crate::{Nanos, Text};

/// What every heap holds at one instant.
#[derive(Clone, Debug, Serialize)]
pub struct State {
    /// The version of these keys: 1.
    pub schema_version: u32,
    /// The instant: every event up to it has happened.
    pub time_ns: Nanos,
    /// The heaps in which something had happened by then, in the order of the report.
    pub heaps: Vec<HeapContents>,
}

/// What a heap holds at an instant.
#[derive(Clone, Debug, Serialize)]
pub struct HeapContents {
    /// As the engine calls it.
    pub name: Text,
    /// The ordinal of its device; none for host memory.
    pub device: Option<u32>,
    /// Why there is no device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_why: Option<&'static str>,
    /// `device`, `pinned`, `managed`, `host` or `unknown`.
    pub kind: &'static str,
    /// How many of its events have happened.
    pub events: u64,
    /// What the lists below add up to: what peaks are taken on.
    pub by: PeakBy,
    /// How full it is.
    #[serde(flatten)]
    pub figures: Figures,
    /// What is live.
    #[serde(flatten)]
    pub breakdown: Breakdown,
    /// The largest blocks, largest first.
    pub blocks: Vec<Block>,
    /// How many blocks there are in all.
    pub blocks_total: u64,
    /// How the segments are filled; none for a heap without segments.
    pub fragmentation: Option<FragmentationAt>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fragmentation_why: Option<&'static str>,
}

impl HeapContents {
    /// The sum that the lists add up to.
    pub fn live_bytes(&self) -> Bytes {
        self.by.of(&self.figures)
    }
}
