//! Capturing work from streams into graphs. A graph does nothing when it is launched, as its kernels would do nothing; a copy that
//! was captured is not made.

use std::ptr;

use crate::boundary::{Out, driver_calls};
use crate::calls::streams::{self, context_of};
use crate::code::Code;
use crate::context;
use crate::driver;
use crate::handle::Handle;

/// `CU_STREAM_CAPTURE_STATUS_ACTIVE`
const ACTIVE: u32 = 1;

driver_calls! {
    fn cuStreamBeginCapture_v2(stream: Handle, _mode: u32) {
        begin(stream, None)
    }

    fn cuStreamBeginCaptureToGraph(
        stream: Handle,
        graph: Handle,
        _dependencies: *const Handle,
        _edges: *const u64,
        _count: usize,
        _mode: u32,
    ) {
        begin(stream, Some(graph))
    }

    fn cuStreamEndCapture(stream: Handle, graph: Out<Handle>) {
        graph.set(context_of(stream)?.driver.graphs.end(stream)?)
    }

    fn cuStreamIsCapturing(stream: Handle, status: Out<u32>) {
        let captures = context_of(stream)?.driver.graphs.capture_of(stream).is_some();
        status.set(if captures { ACTIVE } else { 0 })
    }

    fn cuStreamGetCaptureInfo_v2(
        stream: Handle,
        status: Out<u32>,
        id: Out<u64>,
        graph: Out<Handle>,
        dependencies: Out<*const Handle>,
        count: Out<usize>,
    ) {
        dependencies.set_if_wanted(ptr::null());
        count.set_if_wanted(0);
        capture_info(stream, status, id, graph)
    }

    fn cuStreamGetCaptureInfo_v3(
        stream: Handle,
        status: Out<u32>,
        id: Out<u64>,
        graph: Out<Handle>,
        dependencies: Out<*const Handle>,
        edges: Out<*const u64>,
        count: Out<usize>,
    ) {
        dependencies.set_if_wanted(ptr::null());
        edges.set_if_wanted(ptr::null());
        count.set_if_wanted(0);
        capture_info(stream, status, id, graph)
    }

    /// What a thread may do while it captures is not looked at.
    fn cuThreadExchangeStreamCaptureMode(mode: Out<u32>) {
        driver::driver()?;
        mode.set(0)
    }

    fn cuGraphCreate(graph: Out<Handle>, _flags: u32) {
        graph.set(driver::driver()?.graphs.create())
    }

    fn cuGraphGetNodes(graph: Handle, nodes: *mut Handle, count: Out<usize>) {
        let there = driver::driver()?.graphs.nodes(graph)?;
        if !nodes.is_null() {
            // A node has nothing that could be asked of it.
            return Err(Code::NOT_SUPPORTED);
        }
        count.set(there)
    }

    fn cuGraphDestroy(graph: Handle) {
        driver::driver()?.graphs.destroy(graph)
    }

    fn cuGraphInstantiateWithFlags(executable: Out<Handle>, graph: Handle, _flags: u64) {
        executable.set(driver::driver()?.graphs.instantiate(graph)?)
    }

    fn cuGraphLaunch(executable: Handle, stream: Handle) {
        let current = context_of(stream)?;
        current.driver.graphs.is_executable(executable)?;
        streams::work_on(stream).map(drop)
    }

    fn cuGraphExecDestroy(executable: Handle) {
        context::current()?.driver.graphs.destroy_executable(executable)
    }
}

fn begin(stream: Handle, graph: Option<Handle>) -> Result<(), Code> {
    let current = context_of(stream)?;
    if streams::is_always_there(stream) {
        return Err(Code::STREAM_CAPTURE_IMPLICIT);
    }
    current.driver.graphs.begin(stream, graph)
}

fn capture_info(stream: Handle, status: Out<u32>, id: Out<u64>, graph: Out<Handle>) -> Result<(), Code> {
    let Some(capture) = context_of(stream)?.driver.graphs.capture_of(stream) else { return status.set(0) };
    // A capture is of one graph, and that is never another's.
    id.set_if_wanted(capture.graph.0);
    graph.set_if_wanted(capture.graph);
    status.set(ACTIVE)
}
