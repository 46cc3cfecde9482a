//! Devices, heaps and pools, and what happens to memory.

#![allow(non_camel_case_types, reason = "these are the names in C")]

use std::ffi::c_char;

use memtrace_tracer::{
    Address, Bytes, Device, DeviceId, Heap, HeapId, MemoryKind, Module, ModuleId, Pool, PoolId,
};

use crate::{
    boundary::{handle, text},
    module::memtrace_module,
};

/// A device of the machine.
pub type memtrace_device = u32;
/// A heap: one address space that events happen in.
pub type memtrace_heap = u32;
/// A pool: memory of a heap that only its own requests can use again. A heap without such divisions has one.
pub type memtrace_pool = u16;

/// Memory of a device, seen by that device.
pub const MEMTRACE_MEMORY_DEVICE: u32 = 1;
/// Page-locked host memory.
pub const MEMTRACE_MEMORY_PINNED: u32 = 2;
/// Memory that the driver moves between host and device by itself.
pub const MEMTRACE_MEMORY_MANAGED: u32 = 3;
/// Ordinary host memory.
pub const MEMTRACE_MEMORY_HOST: u32 = 4;

/// In memtrace_out_of_memory: how much the device had free is not known.
pub const MEMTRACE_UNKNOWN: u64 = 0xffff_ffff_ffff_ffff;

/// Names the device with this ordinal; `total` is its memory in bytes, 0 if it is not known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtrace_device_define(
    ordinal: u16,
    name: *const c_char,
    total: u64,
) -> memtrace_device {
    handle(|| {
        // SAFETY: the caller passes a string.
        let name = unsafe { text(name) };
        DeviceId::from(Device::define(ordinal, &name, Some(total).filter(|&total| total > 0).map(Bytes))).0
    })
}

/// Names a heap, such as `cuda:0`, of MEMTRACE_MEMORY_ `kind`, on `device` if it is a device's. 0 for an unknown kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtrace_heap_define(
    name: *const c_char,
    kind: u32,
    device: memtrace_device,
) -> memtrace_heap {
    handle(|| {
        let Some(kind) = u8::try_from(kind).ok().and_then(MemoryKind::decode) else { return 0 };
        let device = Some(DeviceId(device)).filter(|device| !device.is_none()).map(Device::from);
        // SAFETY: the caller passes a string.
        HeapId::from(Heap::define(&unsafe { text(name) }, kind, device)).0
    })
}

/// Names a pool of a heap. Its name may be empty. `stream` is the stream whose requests it serves, 0 for the default one.
/// 0 for no heap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtrace_pool_define(
    heap: memtrace_heap,
    name: *const c_char,
    stream: u64,
) -> memtrace_pool {
    handle(|| {
        if heap == 0 {
            return 0;
        }
        // SAFETY: the caller passes a string.
        PoolId::from(Heap::from(HeapId(heap)).pool(&unsafe { text(name) }, stream)).0
    })
}

/// A caching allocator reserved a segment from the driver. Call it after that happened.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_segment_alloc(pool: memtrace_pool, address: u64, size: u64) {
    Pool::from(PoolId(pool)).segment_alloc(Address(address), Bytes(size));
}

/// A caching allocator gives a segment back to the driver. Call it before that happens.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_segment_free(pool: memtrace_pool, address: u64, size: u64) {
    Pool::from(PoolId(pool)).segment_free(Address(address), Bytes(size));
}

/// A part of a reserved address range got memory.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_segment_map(pool: memtrace_pool, address: u64, size: u64) {
    Pool::from(PoolId(pool)).segment_map(Address(address), Bytes(size));
}

/// A part of a reserved address range loses its memory.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_segment_unmap(pool: memtrace_pool, address: u64, size: u64) {
    Pool::from(PoolId(pool)).segment_unmap(Address(address), Bytes(size));
}

/// A block of `size` bytes was handed out for a request of `requested` bytes. Call it after that happened: then no other
/// thread's alloc of the same address can come before the free in the log. The block belongs to the module and the scopes
/// that are open on the calling thread.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_block_alloc(pool: memtrace_pool, address: u64, size: u64, requested: u64) {
    Pool::from(PoolId(pool)).block_alloc(Address(address), Bytes(size), Bytes(requested));
}

/// A block was handed out to `module`, whatever is open on the calling thread; to what is open if it is 0.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_block_alloc_for(
    pool: memtrace_pool,
    module: memtrace_module,
    address: u64,
    size: u64,
    requested: u64,
) {
    let module = Module::from(ModuleId(module));
    Pool::from(PoolId(pool)).block_alloc_for(module, Address(address), Bytes(size), Bytes(requested));
}

/// A live block turns out to belong to `module`: weights that were made before their module was named. One that was handed
/// out to a module stays that one's.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_block_owned(pool: memtrace_pool, module: memtrace_module, address: u64) {
    Pool::from(PoolId(pool)).block_owned(Module::from(ModuleId(module)), Address(address));
}

/// A block is given back and can be used again at once. Call it before that happens. A `size` of 0: not known.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_block_free(pool: memtrace_pool, address: u64, size: u64) {
    Pool::from(PoolId(pool)).block_free(Address(address), Bytes(size));
}

/// A block was given back, but a stream may still use it: it stays active.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_block_free_requested(pool: memtrace_pool, address: u64, size: u64) {
    Pool::from(PoolId(pool)).block_free_requested(Address(address), Bytes(size));
}

/// The last stream is done with a block whose free had been requested.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_block_free_completed(pool: memtrace_pool, address: u64, size: u64) {
    Pool::from(PoolId(pool)).block_free_completed(Address(address), Bytes(size));
}

/// A request for `requested` bytes failed while the device had `free` bytes, or MEMTRACE_UNKNOWN.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_out_of_memory(pool: memtrace_pool, requested: u64, free: u64) {
    let free = Some(free).filter(|&free| free != MEMTRACE_UNKNOWN).map(Bytes);
    Pool::from(PoolId(pool)).out_of_memory(Bytes(requested), free);
}

const _: () = {
    assert!(MEMTRACE_MEMORY_DEVICE == MemoryKind::Device as u32);
    assert!(MEMTRACE_MEMORY_PINNED == MemoryKind::Pinned as u32);
    assert!(MEMTRACE_MEMORY_MANAGED == MemoryKind::Managed as u32);
    assert!(MEMTRACE_MEMORY_HOST == MemoryKind::Host as u32);
};
