//! Devices: the figures of a monitor, and the results of profile runs.

use memtrace_format::Bytes;
use serde::Serialize;

use crate::Nanos;

/// What a monitor of one device would have shown: at the end, and the extremes since the beginning of the trace or of the
/// range that was asked for. All are bytes.
///
/// The driver's figures are its latest samples, and where a range has none yet, those that it begins with. On an integrated
/// device free memory is what the host has available, for the driver leaves out caches that could be dropped. The
/// allocator's are the sums over the heaps of device memory, and exact.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Monitor {
    /// The ordinal of the device.
    pub device: u32,
    /// Its free memory.
    pub free: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free_why: Option<&'static str>,
    /// All of its memory.
    pub total: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_why: Option<&'static str>,
    /// The least free memory of all samples.
    pub min_free: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_free_why: Option<&'static str>,
    /// `total − min_free`: the most that all processes used together.
    pub system_peak: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_peak_why: Option<&'static str>,
    /// Active bytes.
    pub active: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_why: Option<&'static str>,
    /// The most of them.
    pub active_peak: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_peak_why: Option<&'static str>,
    /// Reserved bytes.
    pub reserved: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved_why: Option<&'static str>,
    /// The most of them.
    pub reserved_peak: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved_peak_why: Option<&'static str>,
}

/// What a profile run found: how much memory the engine needs beside its cache. Sizes are bytes, and what can go down is
/// signed.
#[derive(Clone, Debug, Serialize)]
pub struct Profile {
    /// The ordinal of the device.
    pub device: u32,
    /// The growth of allocated bytes while weights were loaded.
    pub weights_memory: Option<i64>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights_memory_why: Option<&'static str>,
    /// The most allocated bytes during the run, beyond those at its beginning.
    pub peak_activation: u64,
    /// The growth of what is neither free nor reserved by the allocator, from before the weights were loaded to after the run.
    pub non_torch_increase: Option<i64>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub non_torch_increase_why: Option<&'static str>,
    /// The sum of the three.
    pub non_kv_cache_memory: Option<i64>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub non_kv_cache_memory_why: Option<&'static str>,
    /// The device before weights were loaded.
    pub before_create: Option<DeviceMemory>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_create_why: Option<&'static str>,
    /// The device when the run began.
    pub before_profile: DeviceMemory,
    /// The device when the run ended.
    pub after_profile: DeviceMemory,
    /// How long the run took.
    pub profile_time_ns: Nanos,
}

/// The memory of a device at an instant, in bytes.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceMemory {
    /// When.
    pub time_ns: Nanos,
    /// Its free memory, as a [`Monitor`] has it.
    pub free: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free_why: Option<&'static str>,
    /// All of its memory.
    pub total: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_why: Option<&'static str>,
    /// Allocated in all heaps of its memory.
    pub allocated: Bytes,
    /// Reserved by them.
    pub reserved: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved_why: Option<&'static str>,
    /// `total − free − reserved`: contexts, libraries, other processes.
    pub non_allocator: Option<i64>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub non_allocator_why: Option<&'static str>,
}
