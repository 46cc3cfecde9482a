//! Modules: where they were, when, and how often they moved.

use std::{collections::BTreeMap, sync::Arc};

use memtrace_format::{Bytes, Tier};
use serde::Serialize;

use super::Direction;
use crate::{Nanos, Text};

/// One module.
#[derive(Clone, Debug, Serialize)]
pub struct Module {
    /// Its number in the trace: two modules may have one name.
    pub id: u32,
    /// Its name with its parents': `unet.input_blocks.0`.
    pub name: Text,
    /// The module that it is a part of, by the same kind of name.
    pub parent: Option<Text>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_why: Option<&'static str>,
    /// The number of that module.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<u32>,
    /// The size of its weights, its parts' included.
    pub bytes: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_why: Option<&'static str>,
    /// Tells its weights from others, in hexadecimal.
    pub fingerprint: Option<String>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint_why: Option<&'static str>,
    /// Its forwards.
    pub forwards: u64,
    /// Where it was, in the order of time. A module without transfers of its own goes where the nearest module that contains it goes.
    #[serde(serialize_with = "each_stay")]
    pub residency: Arc<[Stay]>,
    /// Whether there were too many stays, so that short ones are merged into `residency`'s others.
    pub residency_thinned: bool,
    /// Why nothing is known of its whereabouts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub residency_why: Option<&'static str>,
    /// The time it spent in each tier.
    pub resident_ns: BTreeMap<String, Nanos>,
    /// Transfers of it to a device.
    pub loads: u64,
    /// Transfers of it from a device.
    pub evictions: u64,
    /// Its transfers by direction (`h2d`, `d2h`, `d2d`, `h2h`, `disk`, `other`); those that there are.
    pub by_direction: BTreeMap<&'static str, Direction>,
    /// The bytes of all its transfers.
    pub transfer_bytes: Bytes,
    /// The time of all its transfers.
    pub transfer_ns: Nanos,
    /// The part of it that was hidden behind computation; see [`Transfers::hidden_ns`](super::Transfers::hidden_ns).
    pub hidden_ns: Nanos,
    /// The time that forwards waited for it; see [`Transfers::stall_ns`](super::Transfers::stall_ns).
    pub stall_ns: Nanos,
    /// How often one did.
    pub stalls: u64,
    /// The longest that one did.
    pub longest_stall_ns: Nanos,
}

impl Module {
    /// The time that it was on a device; none if nothing is known of its whereabouts.
    pub fn time_on_devices(&self) -> Option<Nanos> {
        let on_devices = self.resident_ns.iter().filter(|(tier, _)| tier.starts_with("device"));
        let sum = on_devices.fold(Nanos(0), |sum, (_, ns)| sum.plus(*ns));
        self.residency_why.is_none().then_some(sum)
    }
}

/// Some transfers, taken together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// How many.
    pub count: u64,
    /// What they moved.
    pub bytes: Bytes,
}

/// A time that a module spent in one tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Stay {
    /// Where.
    #[serde(serialize_with = "tier_name")]
    pub tier: Tier,
    /// Since when.
    pub from_ns: Nanos,
    /// Until when.
    pub to_ns: Nanos,
}

pub(super) fn tier_name<S: serde::Serializer>(tier: &Tier, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(tier)
}

fn each_stay<S: serde::Serializer>(stays: &[Stay], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(stays)
}
