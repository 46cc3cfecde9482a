//! Versions.

use std::ffi::c_int;

use crate::boundary::{runtime_calls, set};
use crate::driver::driver;

unsafe extern "C" {
    /// The release that this is linked as; defined where it is linked.
    safe static software_runtime_version: c_int;
}

runtime_calls! {
    fn cudaRuntimeGetVersion(version: *mut c_int) {
        // SAFETY: the caller owes a place.
        unsafe { set(version, software_runtime_version) }
    }

    fn cudaDriverGetVersion(version: *mut c_int) {
        // SAFETY: as above.
        unsafe { (driver()?.version)(version) }.result()
    }
}
