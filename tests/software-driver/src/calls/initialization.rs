//! Initialisation and version.

use crate::boundary::{Out, driver_calls};
use crate::code::Code;
use crate::driver;

/// The interface this driver has, as cuda.h counts: 13.2.
pub(super) const VERSION: i32 = 13020;

driver_calls! {
    fn cuInit(flags: u32) {
        if flags != 0 {
            return Err(Code::INVALID_VALUE);
        }
        driver::initialize()
    }

    fn cuDriverGetVersion(version: Out<i32>) {
        version.set(VERSION)
    }
}
