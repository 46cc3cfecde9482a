//! Capturing work into graphs, and launching them.

use std::ffi::c_void;

use crate::boundary::{runtime_calls, set};
use crate::device::ready;
use crate::driver::{Handle, driver};
use crate::error::Error;

runtime_calls! {
    fn cudaStreamBeginCapture(stream: Handle, mode: u32) {
        // SAFETY: the driver knows a stream that is none.
        unsafe { (ready()?.capture_begin)(stream, mode) }.result()
    }

    fn cudaStreamBeginCaptureToGraph(
        stream: Handle,
        graph: Handle,
        dependencies: *const c_void,
        edges: *const c_void,
        count: usize,
        mode: u32,
    ) {
        // SAFETY: the caller owes as many as it says.
        unsafe { (ready()?.capture_into)(stream, graph, dependencies, edges, count, mode) }.result()
    }

    fn cudaStreamEndCapture(stream: Handle, graph: *mut Handle) {
        // SAFETY: the caller owes a place.
        unsafe { (ready()?.capture_end)(stream, graph) }.result()
    }

    fn cudaStreamIsCapturing(stream: Handle, status: *mut u32) {
        // SAFETY: as above.
        unsafe { (ready()?.is_capturing)(stream, status) }.result()
    }

    /// Of a program built for CUDA 13.
    fn cudaStreamGetCaptureInfo(
        stream: Handle,
        status: *mut u32,
        id: *mut u64,
        graph: *mut Handle,
        dependencies: *mut *const c_void,
        edges: *mut *const c_void,
        count: *mut usize,
    ) {
        if !edges.is_null() {
            // SAFETY: the caller owes a place.
            unsafe { set(edges, std::ptr::null()) }?;
        }
        // SAFETY: as above.
        unsafe { (ready()?.capture_info)(stream, status, id, graph, dependencies, count) }.result()
    }

    /// Of a program built for CUDA 12.
    fn cudaStreamGetCaptureInfo_v2(
        stream: Handle,
        status: *mut u32,
        id: *mut u64,
        graph: *mut Handle,
        dependencies: *mut *const c_void,
        count: *mut usize,
    ) {
        // SAFETY: as above.
        unsafe { (ready()?.capture_info)(stream, status, id, graph, dependencies, count) }.result()
    }

    fn cudaThreadExchangeStreamCaptureMode(mode: *mut u32) {
        // SAFETY: as above.
        unsafe { (driver()?.capture_mode)(mode) }.result()
    }

    fn cudaGraphGetNodes(graph: Handle, nodes: *mut Handle, count: *mut usize) {
        // SAFETY: as above.
        unsafe { (driver()?.graph_nodes)(graph, nodes, count) }.result()
    }

    fn cudaGraphDestroy(graph: Handle) {
        // SAFETY: the driver knows a graph that is none.
        unsafe { (driver()?.graph_destroy)(graph) }.result()
    }

    fn cudaGraphInstantiate(executable: *mut Handle, graph: Handle, flags: u64) {
        instantiate(executable, graph, flags)
    }

    fn cudaGraphInstantiateWithFlags(executable: *mut Handle, graph: Handle, flags: u64) {
        instantiate(executable, graph, flags)
    }

    fn cudaGraphLaunch(executable: Handle, stream: Handle) {
        // SAFETY: as above.
        unsafe { (ready()?.graph_launch)(executable, stream) }.result()
    }

    fn cudaGraphExecDestroy(executable: Handle) {
        // SAFETY: as above.
        unsafe { (ready()?.executable_destroy)(executable) }.result()
    }
}

fn instantiate(executable: *mut Handle, graph: Handle, flags: u64) -> Result<(), Error> {
    // SAFETY: the caller of a call owes a place.
    unsafe { (driver()?.graph_instantiate)(executable, graph, flags) }.result()
}
