//! Memory of a device, in one piece: allocated, managed by the driver, and ordered by streams.

use std::ffi::c_uint;

use memtrace_tracer::{Bytes, MemoryKind};

use super::{
    Code, DeviceAddress, Handle, OUT_OF_MEMORY, SUCCESS, context, hooked,
    live::{self, About, Form},
    owner::Owner,
};
use crate::preload::{pools, records, stacks};

hooked! {
    3020 fn [cuMemAlloc_v2](place: *mut DeviceAddress, bytes: usize) |next| {
        // SAFETY: whatever the caller passes is passed on.
        let code = unsafe { next(place, bytes) };
        // SAFETY: as above.
        unsafe { allocated(code, place, bytes, context::device) }
    }

    3020 fn [cuMemAllocPitch_v2](
        place: *mut DeviceAddress,
        pitch: *mut usize,
        width: usize,
        height: usize,
        element: c_uint,
    ) |next| {
        // SAFETY: whatever the caller passes is passed on.
        let code = unsafe { next(place, pitch, width, height, element) };
        // SAFETY: a call that succeeded has written the pitch.
        let row = if code == SUCCESS { unsafe { *pitch } } else { width };
        // SAFETY: as above.
        unsafe { allocated(code, place, row.saturating_mul(height), context::device) }
    }

    6000 fn [cuMemAllocManaged](place: *mut DeviceAddress, bytes: usize, flags: c_uint) |next| {
        // SAFETY: whatever the caller passes is passed on.
        let code = unsafe { next(place, bytes, flags) };
        if code == SUCCESS && records() {
            let device = context::device();
            let about = About { pool: pools::managed(), form: Form::Block, kind: MemoryKind::Managed, device, stack: stacks::here() };
            // SAFETY: the call succeeded, and has written the address.
            live::begin(&live::extent(unsafe { *place }, bytes), about);
        }
        code
    }

    11020 fn [cuMemAllocAsync cuMemAllocAsync_ptsz](place: *mut DeviceAddress, bytes: usize, stream: Handle) |next| {
        // SAFETY: whatever the caller passes is passed on.
        let code = unsafe { next(place, bytes, stream) };
        // SAFETY: as above.
        unsafe { allocated_in_order(code, place, bytes, context::device) }
    }

    3020 fn [cuMemFree_v2](address: DeviceAddress) |next| {
        let gone = live::end(address);
        // SAFETY: whatever the caller passes is passed on.
        let code = unsafe { next(address) };
        restore(code, gone)
    }

    11020 fn [cuMemFreeAsync cuMemFreeAsync_ptsz](address: DeviceAddress, stream: Handle) |next| {
        let gone = live::end(address);
        // SAFETY: whatever the caller passes is passed on.
        let code = unsafe { next(address, stream) };
        restore(code, gone)
    }
}

/// Records what a request for memory of a device came to.
///
/// # Safety
///
/// Where `code` says that the request succeeded, the address is at `place`.
pub(super) unsafe fn allocated(
    code: Code,
    place: *mut DeviceAddress,
    bytes: usize,
    device: impl FnOnce() -> u16,
) -> Code {
    // SAFETY: the caller says so.
    unsafe { allocated_for(|owner| owner, code, place, bytes, device) }
}

/// As [`allocated`], of a request that is ordered by a stream.
///
/// # Safety
///
/// As for [`allocated`].
pub(super) unsafe fn allocated_in_order(
    code: Code,
    place: *mut DeviceAddress,
    bytes: usize,
    device: impl FnOnce() -> u16,
) -> Code {
    // SAFETY: the caller says so.
    unsafe { allocated_for(Owner::of_stream_ordered, code, place, bytes, device) }
}

/// # Safety
///
/// As for [`allocated`].
unsafe fn allocated_for(
    owner: impl FnOnce(Owner) -> Owner,
    code: Code,
    place: *mut DeviceAddress,
    bytes: usize,
    device: impl FnOnce() -> u16,
) -> Code {
    if records() && (code == SUCCESS || code == OUT_OF_MEMORY) {
        let (owner, device) = (owner(Owner::of_caller()), device());
        if code == SUCCESS {
            // SAFETY: the caller says so.
            live::handed_out(owner, device, unsafe { *place }, bytes, false);
        } else if !owner.is_caching_allocator() {
            // A caching allocator tries again with less in its cache, and says by itself when that fails.
            owner.pool(device).asked_by(stacks::here()).out_of_memory(Bytes(bytes as u64), context::free());
        }
    }
    code
}

/// What the driver refused to take back is live still.
pub(super) fn restore(code: Code, gone: Option<(crate::preload::extents::Extent, About)>) -> Code {
    if let Some((extent, about)) = gone.filter(|_| code != SUCCESS) {
        live::begin(&extent, about);
    }
    code
}
