//! Memory that is made apart from its addresses, as expandable segments do: recorded where and as long as it is mapped.

use std::ffi::{c_int, c_void};

use super::{
    DeviceAddress, SUCCESS, context, hooked,
    live::{self, Form},
    owner::Owner,
};
use crate::preload::{extents::Extents, records};

/// `CUmemGenericAllocationHandle`.
type Memory = u64;

/// The beginning of `CUmemAllocationProp`, and of `CUmemPoolProps`.
#[repr(C)]
pub(super) struct Properties {
    kind: c_int,
    handle_types: c_int,
    location_kind: c_int,
    location: c_int,
}

impl Properties {
    /// The device that the memory is to be on, if it is one.
    pub(super) fn device(&self) -> Option<u16> {
        /// `CU_MEM_LOCATION_TYPE_DEVICE`
        const DEVICE: c_int = 1;
        if self.location_kind == DEVICE { u16::try_from(self.location).ok() } else { None }
    }
}

/// The device that each piece of memory is on.
static DEVICES: Extents<u16> = Extents::new();

hooked! {
    10020 fn [cuMemCreate](place: *mut Memory, bytes: usize, properties: *const c_void, flags: u64) |next| {
        // SAFETY: whatever the caller passes is passed on.
        let code = unsafe { next(place, bytes, properties, flags) };
        if code == SUCCESS && records() {
            // SAFETY: the call succeeded: it has read the one and written the other.
            let (memory, device) = unsafe { (*place, (*properties.cast::<Properties>()).device()) };
            DEVICES.insert(&live::extent(memory, 1), device.unwrap_or(0));
        }
        code
    }

    10020 fn [cuMemRelease](memory: Memory) |next| {
        DEVICES.take(&live::extent(memory, 1));
        // SAFETY: whatever the caller passes is passed on.
        unsafe { next(memory) }
    }

    10020 fn [cuMemMap](address: DeviceAddress, bytes: usize, offset: usize, memory: Memory, flags: u64) |next| {
        // SAFETY: whatever the caller passes is passed on.
        let code = unsafe { next(address, bytes, offset, memory, flags) };
        if code == SUCCESS && records() {
            let device = DEVICES.around(memory as usize).map_or_else(context::device, |(_, device)| device);
            live::handed_out(Owner::of_caller(), device, address, bytes, true);
        }
        code
    }

    10020 fn [cuMemUnmap](address: DeviceAddress, bytes: usize) |next| {
        // The driver unmaps whole mappings only, as many as lie there.
        let range = live::extent(address, bytes);
        while let Some((_, about)) = live::end_within(&range) {
            debug_assert!(about.form != Form::Segment);
        }
        // SAFETY: whatever the caller passes is passed on.
        unsafe { next(address, bytes) }
    }
}
