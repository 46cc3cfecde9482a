//! Kernels on streams. What they would compute is not computed.

use std::cell::RefCell;
use std::ffi::{c_int, c_void};

use crate::boundary::{runtime_calls, set};
use crate::device::ready;
use crate::driver::Handle;
use crate::error::Error;

/// `dim3`
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    x: u32,
    y: u32,
    z: u32,
}

/// The beginning of `cudaLaunchConfig_t`.
#[repr(C)]
pub(crate) struct Configuration {
    grid: Extent,
    block: Extent,
    shared_bytes: usize,
    stream: Handle,
}

thread_local! {
    /// What `<<<…>>>` says, until the kernel's own stub takes it.
    static SAID: RefCell<Vec<Configuration>> = const { RefCell::new(Vec::new()) };
}

runtime_calls! {
    fn cudaLaunchKernel(
        kernel: Handle,
        grid: Extent,
        block: Extent,
        parameters: *mut *mut c_void,
        shared_bytes: usize,
        stream: Handle,
    ) {
        launch(kernel, &Configuration { grid, block, shared_bytes, stream }, parameters)
    }

    fn cudaLaunchCooperativeKernel(
        kernel: Handle,
        grid: Extent,
        block: Extent,
        parameters: *mut *mut c_void,
        shared_bytes: usize,
        stream: Handle,
    ) {
        launch(kernel, &Configuration { grid, block, shared_bytes, stream }, parameters)
    }

    fn cudaLaunchKernelExC(configuration: *const Configuration, kernel: Handle, parameters: *mut *mut c_void) {
        // SAFETY: the caller owes null or a whole structure.
        let configuration = unsafe { configuration.as_ref() }.ok_or(Error::INVALID_VALUE)?;
        launch(kernel, configuration, parameters)
    }

    fn __cudaLaunchKernel(
        kernel: Handle,
        grid: Extent,
        block: Extent,
        parameters: *mut *mut c_void,
        shared_bytes: usize,
        stream: Handle,
    ) {
        launch(kernel, &Configuration { grid, block, shared_bytes, stream }, parameters)
    }

    fn __cudaPushCallConfiguration(grid: Extent, block: Extent, shared_bytes: usize, stream: Handle) {
        SAID.with_borrow_mut(|said| said.push(Configuration { grid, block, shared_bytes, stream }));
        Ok(())
    }

    fn __cudaPopCallConfiguration(
        grid: *mut Extent,
        block: *mut Extent,
        shared_bytes: *mut usize,
        stream: *mut Handle,
    ) {
        let said = SAID.with_borrow_mut(Vec::pop).ok_or(Error::INVALID_VALUE)?;
        // SAFETY: the kernel's stub owes places.
        unsafe {
            set(grid, said.grid)?;
            set(block, said.block)?;
            set(shared_bytes, said.shared_bytes)?;
            set(stream, said.stream)
        }
    }

    /// Two blocks on each multiprocessor, whatever the kernel.
    fn cudaOccupancyMaxActiveBlocksPerMultiprocessor(
        blocks: *mut c_int,
        _kernel: Handle,
        _threads: c_int,
        _shared_bytes: usize,
    ) {
        // SAFETY: the caller owes a place.
        unsafe { set(blocks, 2) }
    }

    fn cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
        blocks: *mut c_int,
        _kernel: Handle,
        _threads: c_int,
        _shared_bytes: usize,
        _flags: u32,
    ) {
        // SAFETY: as above.
        unsafe { set(blocks, 2) }
    }
}

fn launch(kernel: Handle, said: &Configuration, parameters: *mut *mut c_void) -> Result<(), Error> {
    let Configuration { grid, block, shared_bytes, stream } = *said;
    // SAFETY: the driver looks at neither the kernel nor its parameters.
    let code = unsafe {
        (ready()?.launch)(
            kernel,
            grid.x,
            grid.y,
            grid.z,
            block.x,
            block.y,
            block.z,
            shared_bytes as u32,
            stream,
            parameters,
            std::ptr::null_mut(),
        )
    };
    code.result()
}
