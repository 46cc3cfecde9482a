//! Work that is no copy: kernels, which do nothing, and functions of the program's, which are called.

use std::ffi::c_void;

use crate::boundary::driver_calls;
use crate::calls::streams;
use crate::code::Code;
use crate::handle::Handle;

driver_calls! {
    /// A kernel is a piece of work in its stream's order; what it would compute is not computed.
    fn cuLaunchKernel(
        _function: Handle,
        _grid_x: u32,
        _grid_y: u32,
        _grid_z: u32,
        _block_x: u32,
        _block_y: u32,
        _block_z: u32,
        _shared_bytes: u32,
        stream: Handle,
        _parameters: *mut *mut c_void,
        _extra: *mut *mut c_void,
    ) {
        streams::work_on(stream).map(drop)
    }

    fn cuLaunchHostFunc(stream: Handle, function: Option<unsafe extern "C" fn(*mut c_void)>, data: *mut c_void) {
        let function = function.ok_or(Code::INVALID_VALUE)?;
        if streams::work_on(stream)?.is_some() {
            // SAFETY: the caller owes a function that takes what it passes.
            unsafe { function(data) };
        }
        Ok(())
    }

    fn cuStreamAddCallback(
        stream: Handle,
        function: Option<unsafe extern "C" fn(Handle, Code, *mut c_void)>,
        data: *mut c_void,
        _flags: u32,
    ) {
        let function = function.ok_or(Code::INVALID_VALUE)?;
        if streams::work_on(stream)?.is_some() {
            // SAFETY: the caller owes a function that takes what it passes.
            unsafe { function(stream, Code::SUCCESS, data) };
        }
        Ok(())
    }
}
