//! Properties of a device, in the structure of CUDA 12 and in that of CUDA 13, which left some fields out.

use std::ffi::{c_int, c_void};

use crate::boundary::runtime_calls;
use crate::driver::{Driver, driver};
use crate::error::Error;

runtime_calls! {
    /// `cudaGetDeviceProperties` of a program built for CUDA 13.
    fn cudaGetDeviceProperties(place: *mut c_void, device: c_int) {
        // SAFETY: the caller owes a structure of CUDA 13.
        unsafe { fill(place, 1008, &CUDA_13, device) }
    }

    /// `cudaGetDeviceProperties` of a program built for CUDA 12.
    fn cudaGetDeviceProperties_v2(place: *mut c_void, device: c_int) {
        // SAFETY: the caller owes a structure of CUDA 12.
        unsafe { fill(place, 1032, &CUDA_12, device) }
    }
}

/// Where each attribute of the driver is in a `cudaDeviceProp`, and how many bytes wide.
type Layout = [(c_int, usize, usize); 27];

/// What is at the same place in both: name, identity, and bytes of memory.
const UUID: usize = 256;
const TOTAL_BYTES: usize = 288;

const CUDA_13: Layout =
    layout([384, 388, 392, 560, 568, 572, 576, 584, 588, 592, 596, 604, 624, 632, 672, 688, 720]);
const CUDA_12: Layout =
    layout([388, 396, 400, 576, 584, 588, 592, 600, 604, 612, 616, 624, 640, 648, 696, 712, 744]);

/// The fields up to the alignment of textures are where they always were; `later` is where those behind are.
const fn layout(later: [usize; 17]) -> Layout {
    [
        (8, 296, 8),  // sharedMemPerBlock
        (12, 304, 4), // regsPerBlock
        (10, 308, 4), // warpSize
        (1, 320, 4),  // maxThreadsPerBlock
        (2, 324, 4),  // maxThreadsDim
        (3, 328, 4),
        (4, 332, 4),
        (5, 336, 4), // maxGridSize
        (6, 340, 4),
        (7, 344, 4),
        (75, 360, 4),        // major
        (76, 364, 4),        // minor
        (16, later[0], 4),   // multiProcessorCount
        (18, later[1], 4),   // integrated
        (41, later[2], 4),   // canMapHostMemory
        (33, later[4], 4),   // pciBusID
        (34, later[5], 4),   // pciDeviceID
        (50, later[6], 4),   // pciDomainID
        (40, later[7], 4),   // asyncEngineCount
        (41, later[8], 4),   // unifiedAddressing
        (37, later[9], 4),   // memoryBusWidth
        (38, later[10], 4),  // l2CacheSize
        (39, later[11], 4),  // maxThreadsPerMultiProcessor
        (81, later[12], 8),  // sharedMemPerMultiprocessor
        (82, later[13], 4),  // regsPerMultiprocessor
        (97, later[14], 8),  // sharedMemPerBlockOptin
        (115, later[16], 4), // memoryPoolsSupported
    ]
}

/// # Safety
///
/// The place is null, or valid for a write of so many bytes.
unsafe fn fill(place: *mut c_void, bytes: usize, layout: &Layout, device: c_int) -> Result<(), Error> {
    let driver = driver()?;
    if place.is_null() {
        return Err(Error::INVALID_VALUE);
    }
    let place = place.cast::<u8>();
    // SAFETY: the caller says so; every offset and width lies in the structure.
    unsafe {
        place.write_bytes(0, bytes);
        (driver.device_name)(place.cast(), UUID as c_int, device).result()?;
        (driver.device_uuid)(place.add(UUID).cast(), device).result()?;
        (driver.device_bytes)(place.add(TOTAL_BYTES).cast(), device).result()?;
        for &(attribute, offset, width) in layout {
            let value = attribute_of(driver, attribute, device)?;
            place.add(offset).copy_from_nonoverlapping(i64::from(value).to_le_bytes().as_ptr(), width);
        }
    }
    Ok(())
}

fn attribute_of(driver: &Driver, attribute: c_int, device: c_int) -> Result<c_int, Error> {
    let mut value = 0;
    // SAFETY: the place is valid for a write.
    unsafe { (driver.device_attribute)(&mut value, attribute, device) }.result().map(|()| value)
}
