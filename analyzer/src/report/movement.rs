//! Transfers and swaps: what moved, how fast, and what it cost.

use std::collections::BTreeMap;

use memtrace_format::Bytes;
use serde::Serialize;

use super::Moved;
use crate::{Nanos, Text};

/// The transfers that ended, taken together.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Transfers {
    /// How many.
    pub count: u64,
    /// What they moved.
    pub bytes: Bytes,
    /// The sum of their durations.
    pub ns: Nanos,
    /// By the ends they went between.
    pub by_direction: Directions,
    /// Why they were made; those reasons that there are.
    pub by_reason: BTreeMap<&'static str, Moved>,
    /// Bytes whose host end was ordinary memory.
    pub pageable_bytes: Bytes,
    /// Bytes whose host end was page-locked memory.
    pub pinned_bytes: Bytes,
    /// The time that forwards waited for their weights: loads of a forward's own unit (the module, what contains it or what
    /// it contains) to a device, on the forward's thread, between the latest begin or end of a forward and its begin or
    /// after its begin, each with the evictions that made room for it.
    pub stall_ns: Nanos,
    /// Transfers that began and did not end.
    pub unfinished: u64,
}

/// Transfers by the ends they went between.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Directions {
    /// From host memory to a device.
    pub h2d: Direction,
    /// From a device to host memory.
    pub d2h: Direction,
    /// Between devices or within one.
    pub d2d: Direction,
    /// Within host memory.
    pub h2h: Direction,
    /// From or to a file.
    pub disk: Direction,
    /// With an end that was not said.
    pub other: Direction,
}

/// The transfers of one direction.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Direction {
    /// How many.
    pub count: u64,
    /// What they moved.
    pub bytes: Bytes,
    /// The sum of their durations.
    pub ns: Nanos,
    /// How fast they were; none if none of them moved anything in any time.
    pub gbps: Option<Bandwidth>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gbps_why: Option<&'static str>,
}

/// Speeds of single transfers in 10⁹ bytes a second. The percentiles are those of a histogram with three significant digits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bandwidth {
    /// Half of the transfers were at most this fast.
    pub p50: f64,
    /// 99% of the transfers were at most this fast.
    pub p99: f64,
    /// The fastest.
    pub max: f64,
}

/// Evictions that made room for another module, each taken together with the load of that module.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Swaps {
    /// How many.
    pub count: u64,
    /// What they moved, both ways.
    pub bytes: Bytes,
    /// The durations of both transfers.
    pub ns: Nanos,
    /// The part of `ns` that a forward waited for; see [`Transfers::stall_ns`].
    pub stall_ns: Nanos,
    /// Modules evicted and loaded again within one use cycle: the innermost phase open at the eviction.
    pub thrash: Option<Thrash>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thrash_why: Option<&'static str>,
    /// By the module that was brought in, the most time first.
    pub by_module: Vec<ModuleSwaps>,
}

/// Reloads of what had been evicted in the same use cycle, and those evictions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Thrash {
    /// How many pairs.
    pub count: u64,
    /// What they moved, both ways.
    pub bytes: Bytes,
    /// The durations of both transfers.
    pub ns: Nanos,
}

/// The swaps that brought one module in.
#[derive(Clone, Debug, Serialize)]
pub struct ModuleSwaps {
    /// The module.
    pub name: Text,
    /// How many.
    pub count: u64,
    /// What they moved, both ways.
    pub bytes: Bytes,
    /// The durations of both transfers.
    pub ns: Nanos,
    /// The part of `ns` that a forward waited for; see [`Transfers::stall_ns`].
    pub stall_ns: Nanos,
}
