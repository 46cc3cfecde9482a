//! Devices: monitors and profile runs.

use memtrace_format::Bytes;

use super::NO_SEGMENTS;
use crate::{
    collectors::{Collectors, DeviceSnapshot, DeviceWatch, ProfileRecord},
    replay::ReplayHeap,
    report::{DeviceMemory, Monitor, Profile},
};

const NOT_SAMPLED: &str = "the driver was not sampled";
pub(super) const NO_HEAP: &str = "no heap of this device's memory is recorded";
const NO_WEIGHTS: &str = "no phase in which weights were loaded comes before it";

/// A monitor of each device that something is known of.
pub(super) fn monitors(heaps: &[ReplayHeap], collectors: &Collectors<'_>) -> Vec<Monitor> {
    let devices = &collectors.devices;
    devices
        .iter()
        .map(|device| monitor(device, devices.free(device), reserves(heaps, collectors, device.ordinal)))
        .collect()
}

fn monitor(device: &DeviceWatch, free: Option<u64>, reserves: Result<(), &'static str>) -> Monitor {
    let system_peak = device.total().zip(device.min_free).map(|(total, least)| total.saturating_sub(least));
    let why = |figure: Option<u64>| figure.is_none().then_some(NOT_SAMPLED);
    let (active_why, reserved_why) = ((!device.has_heap).then_some(NO_HEAP), reserves.err());
    let active = |bytes: u64| Some(Bytes(bytes)).filter(|_| active_why.is_none());
    let reserved = |bytes: u64| Some(Bytes(bytes)).filter(|_| reserved_why.is_none());
    Monitor {
        device: device.ordinal,
        free: free.map(Bytes),
        free_why: why(free),
        total: device.total().map(Bytes),
        total_why: why(device.total()),
        min_free: device.min_free.map(Bytes),
        min_free_why: why(device.min_free),
        system_peak: system_peak.map(Bytes),
        system_peak_why: why(system_peak),
        active: active(device.level.active),
        active_why,
        active_peak: active(device.active_peak),
        active_peak_why: active_why,
        reserved: reserved(device.level.reserved),
        reserved_why,
        reserved_peak: reserved(device.reserved_peak),
        reserved_peak_why: reserved_why,
    }
}

/// Whether it is known what the heaps of a device reserve.
fn reserves(heaps: &[ReplayHeap], collectors: &Collectors<'_>, ordinal: u32) -> Result<(), &'static str> {
    let devices = &collectors.devices;
    let watched = || heaps.iter().zip(&collectors.heaps);
    let heaps = || watched().filter(|(_, watch)| devices.is(watch.device, ordinal));
    if heaps().next().is_none() {
        return Err(NO_HEAP);
    }
    if heaps().all(|(heap, _)| heap.state.segmented) { Ok(()) } else { Err(NO_SEGMENTS) }
}

/// The profile runs, in the order in which they ended.
pub(super) fn profiles(heaps: &[ReplayHeap], collectors: &Collectors<'_>) -> Vec<Profile> {
    let runs = collectors.profiles.ended.iter();
    runs.map(|run| profile(run, reserves(heaps, collectors, run.ordinal))).collect()
}

fn profile(run: &ProfileRecord, reserves: Result<(), &'static str>) -> Profile {
    let memory = |snapshot: &DeviceSnapshot| device_memory(snapshot, reserves);
    let before_create = run.weights.map(|(before, _)| memory(&before));
    let (before_profile, after_profile) = (memory(&run.before), memory(&run.after));

    let weights_memory =
        run.weights.map(|(before, after)| difference(after.level.allocated, before.level.allocated));
    let peak_activation = run.peak_allocated.saturating_sub(run.before.level.allocated);
    let at_first = before_create.as_ref().and_then(|memory| memory.non_allocator);
    let non_torch_increase =
        after_profile.non_allocator.zip(at_first).map(|(after, before)| after.saturating_sub(before));
    let non_torch_increase_why = match &before_create {
        None => Some(NO_WEIGHTS),
        Some(before) => before.non_allocator_why.or(after_profile.non_allocator_why),
    };
    let no_weights = run.weights.is_none().then_some(NO_WEIGHTS);
    let non_kv_cache_memory = non_torch_increase.zip(weights_memory).map(|(others, weights)| {
        others.saturating_add(weights).saturating_add(i64::try_from(peak_activation).unwrap_or(i64::MAX))
    });
    Profile {
        device: run.ordinal,
        weights_memory,
        weights_memory_why: no_weights,
        peak_activation,
        non_torch_increase,
        non_torch_increase_why,
        non_kv_cache_memory,
        non_kv_cache_memory_why: non_torch_increase_why,
        before_create,
        before_create_why: no_weights,
        before_profile,
        after_profile,
        profile_time_ns: run.after.time.since(run.before.time),
    }
}

fn device_memory(at: &DeviceSnapshot, reserves: Result<(), &'static str>) -> DeviceMemory {
    let why = |figure: Option<u64>| figure.is_none().then_some(NOT_SAMPLED);
    let used = at.total.zip(at.free).map(|(total, free)| total.saturating_sub(free));
    let reserved = reserves.ok().map(|()| at.level.reserved);
    DeviceMemory {
        time_ns: at.time,
        free: at.free.map(Bytes),
        free_why: why(at.free),
        total: at.total.map(Bytes),
        total_why: why(at.total),
        allocated: Bytes(at.level.allocated),
        reserved: reserved.map(Bytes),
        reserved_why: reserves.err(),
        non_allocator: used.zip(reserved).map(|(used, reserved)| difference(used, reserved)),
        non_allocator_why: why(used).or(reserves.err()),
    }
}

fn difference(a: u64, b: u64) -> i64 {
    i64::try_from(i128::from(a) - i128::from(b)).unwrap_or(if a < b { i64::MIN } else { i64::MAX })
}
