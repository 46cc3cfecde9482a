//! Pools that requests are ordered by streams from: each is of one device, or of the host, and what is asked of it is memory of that.
//! What a program tells a pool to keep, or to give back, is marked.

use std::ffi::{c_int, c_void};

use super::{
    Code, DeviceAddress, Handle, SUCCESS, context, device_memory::allocated_in_order, hooked, live,
    pinned::pinned, virtual_memory::Properties,
};
use crate::preload::{extents::Extents, records};

/// Where a pool's memory is.
#[derive(Clone, Copy)]
enum Location {
    Device(u16),
    Host,
}

/// Of each pool that the program made or asked for.
static LOCATIONS: Extents<Location> = Extents::new();

/// In a forked child.
pub(super) fn unlock() {
    LOCATIONS.unlock();
}

hooked! {
    11020 fn [cuMemPoolCreate](place: *mut Handle, properties: *const c_void) |next| {
        // SAFETY: whatever the caller passes is passed on.
        let code = unsafe { next(place, properties) };
        if code == SUCCESS {
            // SAFETY: the call succeeded: it has read the one and written the other.
            let (pool, properties) = unsafe { (*place, &*properties.cast::<Properties>()) };
            learn(pool, properties.device().map_or(Location::Host, Location::Device));
        }
        code
    }

    11020 fn [cuDeviceGetDefaultMemPool](place: *mut Handle, device: c_int) |next| {
        // SAFETY: whatever the caller passes is passed on.
        let code = unsafe { next(place, device) };
        // SAFETY: as above.
        unsafe { told(code, place, device) }
    }

    11020 fn [cuDeviceGetMemPool](place: *mut Handle, device: c_int) |next| {
        // SAFETY: whatever the caller passes is passed on.
        let code = unsafe { next(place, device) };
        // SAFETY: as above.
        unsafe { told(code, place, device) }
    }

    11020 fn [cuMemPoolDestroy](pool: Handle) |next| {
        LOCATIONS.take(&extent(pool));
        // SAFETY: whatever the caller passes is passed on.
        unsafe { next(pool) }
    }

    11020 fn [cuMemAllocFromPoolAsync cuMemAllocFromPoolAsync_ptsz](
        place: *mut DeviceAddress,
        bytes: usize,
        pool: Handle,
        stream: Handle,
    ) |next| {
        // SAFETY: whatever the caller passes is passed on.
        let code = unsafe { next(place, bytes, pool, stream) };
        match LOCATIONS.around(pool.addr()).map(|(_, location)| location) {
            // SAFETY: a call that succeeded has written the address.
            Some(Location::Host) => pinned(code, || std::ptr::without_provenance_mut(unsafe { *place } as usize), bytes),
            // SAFETY: as above.
            Some(Location::Device(device)) => unsafe { allocated_in_order(code, place, bytes, || device) },
            // SAFETY: as above.
            None => unsafe { allocated_in_order(code, place, bytes, context::device) },
        }
    }

    11020 fn [cuMemPoolTrimTo](pool: Handle, keep: usize) |next| {
        if records() {
            memtrace_tracer::name!("cuMemPoolTrimTo").mark_with(keep as u64);
        }
        // SAFETY: whatever the caller passes is passed on.
        unsafe { next(pool, keep) }
    }

    11020 fn [cuMemPoolSetAttribute](pool: Handle, attribute: c_int, value: *const c_void) |next| {
        /// `CU_MEMPOOL_ATTR_RELEASE_THRESHOLD`, of 64 bits: what a pool keeps beyond what is in use.
        const RELEASE_THRESHOLD: c_int = 4;
        // SAFETY: whatever the caller passes is passed on.
        let code = unsafe { next(pool, attribute, value) };
        if code == SUCCESS && attribute == RELEASE_THRESHOLD && records() {
            // SAFETY: the call succeeded, and has read it.
            let keep = unsafe { value.cast::<u64>().read_unaligned() };
            memtrace_tracer::name!("cuMemPoolSetAttribute release threshold").mark_with(keep);
        }
        code
    }
}

/// # Safety
///
/// Where `code` says that the call succeeded, the pool is at `place`.
unsafe fn told(code: Code, place: *mut Handle, device: c_int) -> Code {
    if code == SUCCESS
        && let Ok(device) = u16::try_from(device)
    {
        // SAFETY: the caller says so.
        learn(unsafe { *place }, Location::Device(device));
    }
    code
}

fn learn(pool: Handle, location: Location) {
    if records() {
        LOCATIONS.take(&extent(pool));
        LOCATIONS.insert(&extent(pool), location);
    }
}

fn extent(pool: Handle) -> crate::preload::extents::Extent {
    live::extent(pool.addr() as u64, 1)
}
