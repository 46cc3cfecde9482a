//! Streams.

use std::ffi::{c_int, c_void};

use crate::boundary::runtime_calls;
use crate::device::ready;
use crate::driver::Handle;

runtime_calls! {
    fn cudaStreamCreate(stream: *mut Handle) {
        // SAFETY: the caller owes a place.
        unsafe { (ready()?.stream_create)(stream, 0, 0) }.result()
    }

    fn cudaStreamCreateWithFlags(stream: *mut Handle, flags: u32) {
        // SAFETY: as above.
        unsafe { (ready()?.stream_create)(stream, flags, 0) }.result()
    }

    fn cudaStreamCreateWithPriority(stream: *mut Handle, flags: u32, priority: c_int) {
        // SAFETY: as above.
        unsafe { (ready()?.stream_create)(stream, flags, priority) }.result()
    }

    fn cudaStreamDestroy(stream: Handle) {
        // SAFETY: the driver knows a stream that is none.
        unsafe { (ready()?.stream_destroy)(stream) }.result()
    }

    fn cudaStreamSynchronize(stream: Handle) {
        // SAFETY: as above.
        unsafe { (ready()?.stream_synchronize)(stream) }.result()
    }

    fn cudaStreamQuery(stream: Handle) {
        // SAFETY: as above.
        unsafe { (ready()?.stream_query)(stream) }.result()
    }

    fn cudaStreamWaitEvent(stream: Handle, event: Handle, flags: u32) {
        // SAFETY: as above.
        unsafe { (ready()?.stream_wait)(stream, event, flags) }.result()
    }

    fn cudaStreamGetPriority(stream: Handle, priority: *mut c_int) {
        // SAFETY: the caller owes a place.
        unsafe { (ready()?.stream_priority)(stream, priority) }.result()
    }

    fn cudaLaunchHostFunc(stream: Handle, function: *const c_void, data: *mut c_void) {
        // SAFETY: the caller owes a function that takes what it passes.
        unsafe { (ready()?.host_function)(stream, function, data) }.result()
    }

    fn cudaStreamAddCallback(stream: Handle, function: *const c_void, data: *mut c_void, flags: u32) {
        // SAFETY: as above; an error of the driver's is one of the runtime's by its number.
        unsafe { (ready()?.callback)(stream, function, data, flags) }.result()
    }
}
