//! Swaps: the cost of evicting modules for others, and its lower bound.

use memtrace_format::{Bytes, Tier};
use serde::Serialize;

use super::module::tier_name;
use crate::{Nanos, Text};

/// Evictions that made room for another module, each taken together with the load of that module.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Swaps {
    /// How many.
    pub count: u64,
    /// What they moved, both ways.
    pub bytes: Bytes,
    /// The durations of both transfers.
    pub ns: Nanos,
    /// The part of `ns` that a forward waited for; see [`Transfers::stall_ns`](super::Transfers::stall_ns).
    pub stall_ns: Nanos,
    /// Modules evicted and loaded again within one use cycle: the innermost phase open at the eviction.
    pub thrash: Option<Thrash>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thrash_why: Option<&'static str>,
    /// By the name of the module that was brought in, the most time first.
    pub by_module: Vec<ModuleSwaps>,
    /// Single swaps: the longest waited for first, then the longest. At most [`Swaps::LISTED`].
    pub costliest: Vec<Swap>,
    /// The other swaps, taken together.
    pub others: OtherSwaps,
    /// What had to be loaded at least for the forwards that there were, beside what was loaded.
    pub lower_bound: Option<LowerBound>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lower_bound_why: Option<&'static str>,
}

impl Swaps {
    /// The most swaps that are listed one by one.
    pub const LISTED: usize = 1000;
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
    /// The part of `ns` that a forward waited for; see [`Transfers::stall_ns`](super::Transfers::stall_ns).
    pub stall_ns: Nanos,
    /// Its loads that undid evictions of the same use cycle, with those.
    pub thrash: Thrash,
}

impl ModuleSwaps {
    /// Adds those of a module of the same name.
    pub(crate) fn join(&mut self, other: &Self) {
        self.count += other.count;
        self.bytes.0 = self.bytes.0.saturating_add(other.bytes.0);
        self.ns = self.ns.plus(other.ns);
        self.stall_ns = self.stall_ns.plus(other.stall_ns);
        self.thrash.count += other.thrash.count;
        self.thrash.bytes.0 = self.thrash.bytes.0.saturating_add(other.thrash.bytes.0);
        self.thrash.ns = self.thrash.ns.plus(other.thrash.ns);
    }
}

/// One swap.
#[derive(Clone, Debug, Serialize)]
pub struct Swap {
    /// When the module that was brought in had arrived.
    pub time_ns: Nanos,
    /// When the first eviction for it began.
    pub began_ns: Nanos,
    /// The module that was brought in.
    pub module: Text,
    /// Its number in the trace.
    pub module_id: u32,
    /// Where to.
    #[serde(serialize_with = "tier_name")]
    pub device: Tier,
    /// The modules that went out for it.
    pub evicted: Vec<Text>,
    /// What was moved, both ways.
    pub bytes: Bytes,
    /// The durations of the transfers.
    pub ns: Nanos,
    /// 10⁹ bytes a second, both ways together; none if they took no time of the trace's clock.
    pub gbps: Option<f64>,
    /// The part of `ns` that a forward waited for; see [`Transfers::stall_ns`](super::Transfers::stall_ns).
    pub stall_ns: Nanos,
    /// Why the module was brought in.
    pub reason: &'static str,
    /// Whether it undid an eviction of the same use cycle.
    pub thrash: bool,
}

/// Swaps that are not listed one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OtherSwaps {
    /// How many.
    pub count: u64,
    /// What they moved, both ways.
    pub bytes: Bytes,
    /// The durations of their transfers.
    pub ns: Nanos,
    /// The part of `ns` that forwards waited for.
    pub stall_ns: Nanos,
}

/// What an optimal policy that knows the future would have loaded.
///
/// The forwards are taken in the order of their ends. Each uses a unit: the nearest of its module and those that contain it
/// which ever moved. A unit has to be on the device when it is used; a load costs its size, an eviction nothing, for the host
/// keeps a copy; and all units on the device together may fill what those that had arrived and not left filled at most
/// (`capacity_bytes`). No policy within that loads less than `bytes`; one that loads no more than `achievable_bytes` exists.
///
/// Where the sequence is longer than a window of 65,536 uses, windows are judged one by one, with the capacity up to their
/// end, and the bound is lower than it might be by up to a capacity for each window after the first. What was on the device
/// from the beginning is known from its first transfer on.
#[derive(Clone, Debug, Serialize)]
pub struct LowerBound {
    /// What was loaded, needed or not.
    pub loaded_bytes: Bytes,
    /// What had to be loaded at least: the optimum where units are few enough to try all schedules (then it equals
    /// `achievable_bytes`, or is below it by what the rule for that misses), else the optimum if units could be held in part.
    pub bytes: Bytes,
    /// What a schedule of whole units loads: of those used furthest in the future leave first, or the one that there was.
    pub achievable_bytes: Bytes,
    /// `whole`: the sequence is judged as one. `windows`: in several windows.
    pub known: &'static str,
    /// The same for each device.
    pub by_device: Vec<DeviceBound>,
}

/// What an optimal policy would have loaded to one device; see [`LowerBound`].
#[derive(Clone, Debug, Serialize)]
pub struct DeviceBound {
    /// Which device.
    #[serde(serialize_with = "tier_name")]
    pub device: Tier,
    /// What units may fill together.
    pub capacity_bytes: Bytes,
    /// Uses; those of one unit in a row are one.
    pub uses: u64,
    /// Loads that there were.
    pub loads: u64,
    /// What they loaded.
    pub loaded_bytes: Bytes,
    /// What had to be loaded at least.
    pub bytes: Bytes,
    /// What a schedule of whole units loads.
    pub achievable_bytes: Bytes,
    /// In how many windows the sequence was judged.
    pub windows: u64,
}
