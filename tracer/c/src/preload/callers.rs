//! The calls that a thread is in.

use std::{
    ffi::{c_int, c_void},
    ops::ControlFlow,
};

use super::keeping_errno;

/// Hands the return addresses of the calls that this thread is in to `look`, the innermost first, until it has enough. Those of
/// the hook itself are among them.
///
/// The unwinder is the one of C++ exceptions: it works by the tables that all code has for these, keeps nothing, and asks the C
/// library for them without a lock (since glibc 2.35).
#[inline]
pub(crate) fn each<F: FnMut(usize) -> ControlFlow<()>>(mut look: F) {
    // SAFETY: `step` is called with each frame of this thread and with this place, which lives until it returns.
    keeping_errno(|| unsafe { _Unwind_Backtrace(step::<F>, (&raw mut look).cast()) });
}

type Frame = *mut c_void;

unsafe extern "C-unwind" {
    fn _Unwind_Backtrace(
        step: unsafe extern "C" fn(Frame, *mut c_void) -> c_int,
        place: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(frame: Frame) -> usize;
}

/// Looks at a frame. Anything but 0 ends the unwinding.
unsafe extern "C" fn step<F: FnMut(usize) -> ControlFlow<()>>(frame: Frame, look: *mut c_void) -> c_int {
    const GO_ON: c_int = 0;
    const ENOUGH: c_int = 5;
    // SAFETY: the unwinder passes a frame, and the place that it was given.
    let (caller, look) = unsafe { (_Unwind_GetIP(frame), &mut *look.cast::<F>()) };
    if look(caller).is_continue() { GO_ON } else { ENOUGH }
}
