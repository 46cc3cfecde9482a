//! Transfers: what moved, how fast, and who waited.

use std::collections::BTreeMap;

use memtrace_format::Bytes;
use serde::Serialize;

use super::Moved;
use crate::Nanos;

/// The transfers that ended, taken together.
#[derive(Clone, Debug, Default, Serialize)]
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
    /// Between host and device, by the kind of the host's memory.
    pub by_memory: ByMemory,
    /// Of those with pageable memory: a module's moves to devices after its first, and from devices after its first. Page-locked
    /// memory makes these faster; for the first ones, locking the pages costs as much as it saves.
    pub pageable_again: MovedFor,
    /// Copies that were made inside of another of these transfers, on its thread and from or to the same memory: those that a driver was
    /// asked for to move a module. They are counted here and nowhere else.
    pub parts: MovedFor,
    /// The time that forwards waited for their weights: loads of a forward's own unit (the module, what contains it or what
    /// it contains) to a device, on the forward's thread, between the latest begin or end of a forward and its begin or
    /// after its begin, each with the evictions that made room for it. Of a load that began before that border, the part after
    /// the begin of a forward that needs it.
    pub stall_ns: Nanos,
    /// The part of `ns` in which a thread computed something else: a forward was open on it whose weights were on a device,
    /// of no unit that the transfer moved, and no transfer that it began held it up. With several threads, what one waits for
    /// may be hidden behind what another computes. It is never too much: what could not be followed is not in it.
    pub hidden_ns: Nanos,
    /// How often a forward waited for a module that had been on a device before.
    pub reload_waits: u64,
    /// The part of `stall_ns` that those are.
    pub reload_stall_ns: Nanos,
    /// The part of `reload_stall_ns` that the thread had computed before, since it last waited: what loading ahead would have
    /// hidden, had there been room for the module beside those in use.
    pub hideable_ns: Nanos,
    /// Transfers that began and did not end.
    pub unfinished: u64,
}

/// Transfers by the kind of memory at the host's end.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ByMemory {
    /// Ordinary memory: the driver copies through a buffer of its own, and the program waits.
    pub pageable: Direction,
    /// Page-locked memory.
    pub pinned: Direction,
    /// It was not said.
    pub unknown: Direction,
}

/// Some transfers and their time, taken together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MovedFor {
    /// How many.
    pub count: u64,
    /// What they moved.
    pub bytes: Bytes,
    /// The sum of their durations.
    pub ns: Nanos,
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
