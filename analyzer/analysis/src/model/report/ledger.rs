//! Device memory by its users: our allocator, the rest of this process, other processes, and the remainder.

use memtrace_format::Bytes;
use serde::Serialize;

use super::Known;
use crate::{Nanos, Text};

/// The memory of one device at an instant, by who has it:
///
/// `total = free + allocator_reserved + non_allocator + other_processes + unaccounted`,
///
/// wherever all of them are known. Samples are made at their own instants, each with what the allocator had reserved then; what it
/// reserved or gave back since the latest sample is taken from its free memory. What can be negative is signed: a sample
/// that was read just before the allocator reserved, and recorded just behind, is short of that.
#[derive(Clone, Debug, Serialize)]
pub struct LedgerEntry {
    /// The ordinal of the device.
    pub device: u32,
    /// What makes this instant matter.
    pub at: Vec<LedgerMoment>,
    /// When.
    pub time_ns: Nanos,
    /// How its figures are known: those that are only sampled make all of it sampled.
    pub known: Known,
    /// All memory of the device.
    pub total: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_why: Option<Text>,
    /// What can be allocated. Where the device's memory is the host's: what the host has available.
    pub free: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free_why: Option<Text>,
    /// `total − free`: device use.
    pub used: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_why: Option<Text>,
    /// What the heaps of the device hold of it: their segments, and the blocks of heaps that have none.
    pub allocator_reserved: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocator_reserved_why: Option<Text>,
    /// What of that is in use.
    pub allocator_active: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocator_active_why: Option<Text>,
    /// What of that is cached: of use to the allocator alone.
    pub allocator_inactive: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocator_inactive_why: Option<Text>,
    /// `used − allocator_reserved`: the three below together, which is known where each alone is not.
    pub beside_allocator: Option<i64>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside_allocator_why: Option<Text>,
    /// What this process has beside its allocator: context, kernels, libraries, NCCL.
    pub non_allocator: Option<i64>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub non_allocator_why: Option<Text>,
    /// What the driver's own pool caches for this process: a part of `non_allocator`, unless heaps count the pool as theirs.
    pub driver_pool_inactive: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver_pool_inactive_why: Option<Text>,
    /// What other processes that compute have.
    pub other_processes: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_processes_why: Option<Text>,
    /// What is in use and nobody's: displays, the driver, and what changed since the list of processes was read.
    pub unaccounted: Option<i64>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unaccounted_why: Option<Text>,
    /// Where the sampled figures come from.
    pub sources: LedgerSources,
}

/// What makes an instant of the ledger matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerMoment {
    /// The first sample, or the beginning of the range that was asked for.
    Begin,
    /// The sample with the most in use.
    DevicePeak,
    /// The sample with the least free.
    LeastFree,
    /// The allocator reserved the most.
    AllocatorPeak,
    /// A request failed.
    Oom,
    /// The end.
    End,
}

impl LedgerMoment {
    /// The words that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::DevicePeak => "most in use",
            Self::LeastFree => "least free",
            Self::AllocatorPeak => "most reserved",
            Self::Oom => "out of memory",
            Self::End => "end",
        }
    }
}

/// Where the sampled figures of a ledger entry come from; none for what is not known.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct LedgerSources {
    /// Of `free`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free: Option<SampledFrom>,
    /// Of `non_allocator`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_process: Option<SampledFrom>,
    /// Of `other_processes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_processes: Option<SampledFrom>,
}

/// Who said a figure, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SampledFrom {
    /// `driver`, `nvml`, `engine` (with a request that failed) or `host` (whose memory the device's is).
    pub source: &'static str,
    /// When it was said.
    pub time_ns: Nanos,
    /// Whether the figure is what was said, less what the allocator has reserved since.
    pub moved: bool,
}

/// How the memory beside the allocator went over a run, without the noise of single samples.
#[derive(Clone, Debug, Serialize)]
pub struct LedgerTrend {
    /// The ordinal of the device.
    pub device: u32,
    /// How many samples it is taken from: of those of a long run, the ones with the most in use.
    pub samples: u64,
    /// How often the list of processes was read.
    pub process_samples: u64,
    /// The quarters of the sampled time.
    pub quarters: Vec<Quarter>,
}

/// The medians of a quarter of a run; none where nothing was sampled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Quarter {
    /// Where it begins.
    pub from_ns: Nanos,
    /// Where it ends.
    pub to_ns: Nanos,
    /// Of the free memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free: Option<Bytes>,
    /// Of `beside_allocator`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside_allocator: Option<i64>,
    /// Of `non_allocator`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub non_allocator: Option<i64>,
    /// Of `other_processes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_processes: Option<Bytes>,
}
