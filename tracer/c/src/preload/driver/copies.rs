//! Copies between host and device, as transfers of no module. One that is ordered by a stream ends, in the log, when the driver
//! has taken it on: when the device was done with it, only an event of the stream's would say.

use memtrace_tracer::{Bytes, HostMemory, MemoryKind, Tier, Transfer, TransferPlan};

use super::{Code, DeviceAddress, Handle, SUCCESS, context, hooked, live};
use crate::preload::records;

hooked! {
    3020 fn [cuMemcpyHtoD_v2 cuMemcpyHtoD_v2_ptds](to: DeviceAddress, from: u64, bytes: usize) |next| {
        // SAFETY: whatever the caller passes is passed on.
        copy(|| (host(from), device(to)), bytes, || unsafe { next(to, from, bytes) })
    }

    3020 fn [cuMemcpyHtoDAsync_v2 cuMemcpyHtoDAsync_v2_ptsz](
        to: DeviceAddress,
        from: u64,
        bytes: usize,
        stream: Handle,
    ) |next| {
        // SAFETY: whatever the caller passes is passed on.
        copy(|| (host(from), device(to)), bytes, || unsafe { next(to, from, bytes, stream) })
    }

    3020 fn [cuMemcpyDtoH_v2 cuMemcpyDtoH_v2_ptds](to: u64, from: DeviceAddress, bytes: usize) |next| {
        // SAFETY: whatever the caller passes is passed on.
        copy(|| (device(from), host(to)), bytes, || unsafe { next(to, from, bytes) })
    }

    3020 fn [cuMemcpyDtoHAsync_v2 cuMemcpyDtoHAsync_v2_ptsz](
        to: u64,
        from: DeviceAddress,
        bytes: usize,
        stream: Handle,
    ) |next| {
        // SAFETY: whatever the caller passes is passed on.
        copy(|| (device(from), host(to)), bytes, || unsafe { next(to, from, bytes, stream) })
    }

    3020 fn [cuMemcpyDtoD_v2 cuMemcpyDtoD_v2_ptds](to: DeviceAddress, from: DeviceAddress, bytes: usize) |next| {
        // SAFETY: whatever the caller passes is passed on.
        copy(|| (device(from), device(to)), bytes, || unsafe { next(to, from, bytes) })
    }

    3020 fn [cuMemcpyDtoDAsync_v2 cuMemcpyDtoDAsync_v2_ptsz](
        to: DeviceAddress,
        from: DeviceAddress,
        bytes: usize,
        stream: Handle,
    ) |next| {
        // SAFETY: whatever the caller passes is passed on.
        copy(|| (device(from), device(to)), bytes, || unsafe { next(to, from, bytes, stream) })
    }

    4000 fn [cuMemcpy cuMemcpy_ptds](to: u64, from: u64, bytes: usize) |next| {
        // SAFETY: whatever the caller passes is passed on.
        copy(|| (either(from), either(to)), bytes, || unsafe { next(to, from, bytes) })
    }

    4000 fn [cuMemcpyAsync cuMemcpyAsync_ptsz](to: u64, from: u64, bytes: usize, stream: Handle) |next| {
        // SAFETY: whatever the caller passes is passed on.
        copy(|| (either(from), either(to)), bytes, || unsafe { next(to, from, bytes, stream) })
    }

    4000 fn [cuMemcpyPeer cuMemcpyPeer_ptds](
        to: DeviceAddress,
        to_context: Handle,
        from: DeviceAddress,
        from_context: Handle,
        bytes: usize,
    ) |next| {
        // SAFETY: whatever the caller passes is passed on.
        let call = || unsafe { next(to, to_context, from, from_context, bytes) };
        copy(|| (device(from), device(to)), bytes, call)
    }

    4000 fn [cuMemcpyPeerAsync cuMemcpyPeerAsync_ptsz](
        to: DeviceAddress,
        to_context: Handle,
        from: DeviceAddress,
        from_context: Handle,
        bytes: usize,
        stream: Handle,
    ) |next| {
        // SAFETY: whatever the caller passes is passed on.
        let call = || unsafe { next(to, to_context, from, from_context, bytes, stream) };
        copy(|| (device(from), device(to)), bytes, call)
    }
}

/// Where bytes are, and if that is the host, in which kind of its memory.
pub(super) type End = (Tier, HostMemory);

/// Runs a copy as a transfer.
#[inline]
pub(super) fn copy(ends: impl FnOnce() -> (End, End), bytes: usize, call: impl FnOnce() -> Code) -> Code {
    if !records() {
        return call();
    }
    let (from, to) = ends();
    let under_way = UnderWay::begin(from, to, Bytes(bytes as u64));
    let code = call();
    under_way.end(code);
    code
}

/// A copy that the driver is asked for.
pub(super) struct UnderWay(Transfer);

impl UnderWay {
    pub(super) fn begin(from: End, to: End, bytes: Bytes) -> Self {
        let memory = if from.1 == HostMemory::Unknown { to.1 } else { from.1 };
        Self(TransferPlan::of_bytes(from.0, to.0, bytes).memory(memory).begin())
    }

    /// The driver has answered; one that fails has moved nothing.
    pub(super) fn end(self, code: Code) {
        if code == SUCCESS { self.0.end() } else { self.0.end_early(Bytes(0)) }
    }
}

pub(super) fn device(address: DeviceAddress) -> End {
    let device = live::around(address).map_or_else(context::device, |about| about.device);
    (Tier::Device(device), HostMemory::Unknown)
}

pub(super) fn host(address: u64) -> End {
    let is_pinned = live::around(address).is_some_and(|about| about.kind == MemoryKind::Pinned);
    (Tier::Host, if is_pinned { HostMemory::Pinned } else { HostMemory::Pageable })
}

/// The driver tells by the address which it is, and so does what it handed out.
pub(super) fn either(address: u64) -> End {
    match live::around(address) {
        Some(about) if about.kind != MemoryKind::Pinned => device(address),
        _ => host(address),
    }
}
