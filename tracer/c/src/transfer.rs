//! Transfers: bytes that move between tiers.

#![allow(non_camel_case_types, reason = "these are the names in C")]

use std::time::Duration;

use memtrace_tracer::{Bytes, HostMemory, Module, ModuleId, Reason, Tier, TransferId};

use crate::module::memtrace_module;

/// A transfer under way.
pub type memtrace_transfer = u64;
/// Where bytes are: one of MEMTRACE_TIER_. Other numbers mean an unknown tier.
pub type memtrace_tier = u16;

/// Not said.
pub const MEMTRACE_TIER_UNKNOWN: u16 = 0;
/// A file.
pub const MEMTRACE_TIER_DISK: u16 = 1;
/// Ordinary (pageable) host memory.
pub const MEMTRACE_TIER_HOST: u16 = 2;
/// Page-locked host memory.
pub const MEMTRACE_TIER_PINNED: u16 = 3;

/// The kind of host memory at the host's end is not said.
pub const MEMTRACE_HOST_UNKNOWN: u32 = 0;
/// Ordinary host memory, copied through a staging buffer of the driver.
pub const MEMTRACE_HOST_PAGEABLE: u32 = 1;
/// Page-locked host memory, which the device reads and writes by itself.
pub const MEMTRACE_HOST_PINNED: u32 = 2;

/// Not said.
pub const MEMTRACE_REASON_UNKNOWN: u32 = 0;
/// A forward needed the module.
pub const MEMTRACE_REASON_DEMAND: u32 = 1;
/// There was no room for another module.
pub const MEMTRACE_REASON_CAPACITY: u32 = 2;
/// The engine's rule moves it out after use, room or not.
pub const MEMTRACE_REASON_POLICY: u32 = 3;
/// The program or its user asked for it.
pub const MEMTRACE_REASON_EXPLICIT: u32 = 4;
/// It was moved ahead of its use.
pub const MEMTRACE_REASON_PREFETCH: u32 = 5;
/// The machine was short of memory.
pub const MEMTRACE_REASON_PRESSURE: u32 = 6;

/// A transfer of `bytes` of `module` (0: of no module) begins. What the calling thread allocates until it ends belongs to
/// the module. `memory` is one of MEMTRACE_HOST_, `reason` one of MEMTRACE_REASON_; `room_for` is the module that needs the
/// room if this is an eviction made for one, else 0. End it with memtrace_transfer_end.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_transfer_begin(
    module: memtrace_module,
    from: memtrace_tier,
    to: memtrace_tier,
    bytes: u64,
    memory: u32,
    reason: u32,
    room_for: memtrace_module,
) -> memtrace_transfer {
    if !memtrace_tracer::enabled() {
        return 0;
    }
    let memory = u8::try_from(memory).ok().and_then(HostMemory::decode).unwrap_or(HostMemory::Unknown);
    let reason = u8::try_from(reason).ok().and_then(Reason::decode).unwrap_or(Reason::Unknown);
    let plan = Module::from(ModuleId(module)).transfer(Tier::decode(from), Tier::decode(to), Bytes(bytes));
    let plan = plan.memory(memory).reason(reason).making_room_for(Module::from(ModuleId(room_for)));
    plan.begin().detach().0
}

/// A transfer ended, having moved so many bytes, on whichever thread that happens.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_transfer_end(transfer: memtrace_transfer, moved: u64) {
    TransferId(transfer).end(Bytes(moved));
}

/// As memtrace_transfer_end, where the device measured that it took so many nanoseconds: the time between two of its events,
/// say. Reports use that in place of the time between the two calls.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_transfer_end_measured(transfer: memtrace_transfer, moved: u64, nanoseconds: u64) {
    TransferId(transfer).end_measured(Bytes(moved), Duration::from_nanos(nanoseconds));
}

const _: () = {
    assert!(MEMTRACE_TIER_UNKNOWN == Tier::Unknown.encode());
    assert!(MEMTRACE_TIER_DISK == Tier::Disk.encode());
    assert!(MEMTRACE_TIER_HOST == Tier::Host.encode());
    assert!(MEMTRACE_TIER_PINNED == Tier::Pinned.encode());
    // MEMTRACE_TIER_DEVICE of the header.
    assert!(0x8000 | 7 == Tier::Device(7).encode());
    assert!(MEMTRACE_HOST_UNKNOWN == HostMemory::Unknown as u32);
    assert!(MEMTRACE_HOST_PAGEABLE == HostMemory::Pageable as u32);
    assert!(MEMTRACE_HOST_PINNED == HostMemory::Pinned as u32);
    assert!(MEMTRACE_REASON_UNKNOWN == Reason::Unknown as u32);
    assert!(MEMTRACE_REASON_DEMAND == Reason::Demand as u32);
    assert!(MEMTRACE_REASON_CAPACITY == Reason::Capacity as u32);
    assert!(MEMTRACE_REASON_POLICY == Reason::Policy as u32);
    assert!(MEMTRACE_REASON_EXPLICIT == Reason::Explicit as u32);
    assert!(MEMTRACE_REASON_PREFETCH == Reason::Prefetch as u32);
    assert!(MEMTRACE_REASON_PRESSURE == Reason::Pressure as u32);
};
