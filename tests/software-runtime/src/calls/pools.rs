//! Pools of stream-ordered memory. Properties, attributes and access are the driver's structures and numbers.

use std::ffi::{c_int, c_void};

use crate::boundary::runtime_calls;
use crate::driver::{Handle, driver};

runtime_calls! {
    fn cudaMemPoolCreate(pool: *mut Handle, properties: *const c_void) {
        // SAFETY: the caller owes a place and a whole structure.
        unsafe { (driver()?.pool_create)(pool, properties) }.result()
    }

    fn cudaMemPoolDestroy(pool: Handle) {
        // SAFETY: the driver knows a pool that is none.
        unsafe { (driver()?.pool_destroy)(pool) }.result()
    }

    fn cudaMemPoolGetAttribute(pool: Handle, attribute: c_int, value: *mut c_void) {
        // SAFETY: the caller owes a place of the attribute's width.
        unsafe { (driver()?.pool_attribute)(pool, attribute, value) }.result()
    }

    fn cudaMemPoolSetAttribute(pool: Handle, attribute: c_int, value: *mut c_void) {
        // SAFETY: as above.
        unsafe { (driver()?.set_pool_attribute)(pool, attribute, value) }.result()
    }

    fn cudaMemPoolSetAccess(pool: Handle, wanted: *const c_void, count: usize) {
        // SAFETY: the caller owes as many as it says.
        unsafe { (driver()?.pool_access)(pool, wanted, count) }.result()
    }

    fn cudaMemPoolTrimTo(pool: Handle, keep: usize) {
        // SAFETY: the driver knows a pool that is none.
        unsafe { (driver()?.pool_trim)(pool, keep) }.result()
    }
}
