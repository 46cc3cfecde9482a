//! A stream whose allocs and copies are recorded.

use std::sync::Arc;

use cudarc::driver::{CudaStream, DevicePtr, DevicePtrMut, DeviceRepr, DriverError, ValidAsZeroBits};
use memtrace_tracer::{Bytes, HostMemory, Module, ModuleId, Reason, Tier, TransferPlan};

use crate::{TracedDevice, TracedHost, TracedSlice, copies::Copies, device::ordinal};

/// A `CudaStream` that says what it does. Its methods are cudarc's, with cudarc's arguments and errors.
///
/// A copy is a transfer from the call to its return. That is all the time it takes for pageable memory, which the driver
/// has read or written by then; for pinned memory and within the device it is the time to ask for it, unless the stream is
/// [timed](Self::timed). A copy that fails moved nothing.
#[derive(Clone, Debug)]
pub struct TracedStream {
    device: TracedDevice,
    stream: Arc<CudaStream>,
    module: Module,
    reason: Reason,
    timed: Option<Arc<Copies>>,
}

impl TracedStream {
    pub(crate) fn new(device: TracedDevice, stream: Arc<CudaStream>) -> Self {
        Self { device, stream, module: ModuleId::NONE.into(), reason: Reason::Unknown, timed: None }
    }

    /// The same stream, for copies that move this module. What is allocated for them belongs to it.
    pub fn moving(&self, module: Module, reason: Reason) -> Self {
        Self { module, reason, ..self.clone() }
    }

    /// The same stream, with copies timed on the device: each is put between two events. A transfer then ends when it is
    /// known that the device is done with it (at the next copy, or in [`synchronize`](Self::synchronize)), and says how
    /// long the device took. Costs two events a copy.
    pub fn timed(&self) -> Self {
        Self { timed: Some(Arc::default()), ..self.clone() }
    }

    /// cudarc's stream, for everything else.
    pub fn stream(&self) -> &Arc<CudaStream> {
        &self.stream
    }

    /// Waits until the device is done with the stream.
    ///
    /// # Errors
    ///
    /// The driver's, as those of all methods below.
    pub fn synchronize(&self) -> Result<(), DriverError> {
        let done = self.stream.synchronize();
        if let Some(copies) = &self.timed {
            copies.look();
        }
        done
    }

    /// Allocates `len` elements.
    ///
    /// # Errors
    ///
    /// The driver's; if the device has too little memory, that is recorded too.
    ///
    /// # Safety
    ///
    /// The memory is not set, so it must be written before it is read.
    pub unsafe fn alloc<T: DeviceRepr>(&self, len: usize) -> Result<TracedSlice<T>, DriverError> {
        // SAFETY: the caller vouches for the same.
        match unsafe { self.stream.alloc(len) } {
            Ok(slice) => Ok(TracedSlice::allocated(self.device.pool(), slice)),
            Err(error) => Err(self.device.alloc_failed(bytes_of::<T>(len), error)),
        }
    }

    /// Allocates `len` elements, all zero.
    ///
    /// # Errors
    ///
    /// As [`alloc`](Self::alloc).
    pub fn alloc_zeros<T: DeviceRepr + ValidAsZeroBits>(
        &self,
        len: usize,
    ) -> Result<TracedSlice<T>, DriverError> {
        // SAFETY: the memory is set to zero, which is valid for `T`, or given back.
        let mut slice = unsafe { self.alloc(len) }?;
        self.stream.memset_zeros(&mut slice)?;
        Ok(slice)
    }

    /// Copies host memory to new device memory.
    ///
    /// # Errors
    ///
    /// As [`alloc`](Self::alloc).
    pub fn clone_htod<T: DeviceRepr, Src: TracedHost<T> + ?Sized>(
        &self,
        src: &Src,
    ) -> Result<TracedSlice<T>, DriverError> {
        let from = End { tier: Src::TIER, memory: Src::MEMORY };
        self.copy_to_new(from, src.len(), |dst| self.stream.memcpy_htod(src, dst))
    }

    /// Copies host memory to the beginning of device memory.
    ///
    /// # Errors
    ///
    /// The driver's.
    pub fn memcpy_htod<T: DeviceRepr, Src: TracedHost<T> + ?Sized, Dst: DevicePtrMut<T>>(
        &self,
        src: &Src,
        dst: &mut Dst,
    ) -> Result<(), DriverError> {
        let from = End { tier: Src::TIER, memory: Src::MEMORY };
        let plan = self.plan::<T>(from, self.here(), src.len());
        self.copy(plan, || self.stream.memcpy_htod(src, dst))
    }

    /// Copies device memory to a new `Vec`.
    ///
    /// # Errors
    ///
    /// The driver's.
    pub fn clone_dtoh<T: DeviceRepr, Src: DevicePtr<T>>(&self, src: &Src) -> Result<Vec<T>, DriverError> {
        let to = End { tier: Tier::Host, memory: HostMemory::Pageable };
        let plan = self.plan::<T>(self.here(), to, src.len());
        let mut copied = Vec::new();
        self.copy(plan, || self.stream.clone_dtoh(src).map(|copy| copied = copy))?;
        Ok(copied)
    }

    /// Copies device memory to the beginning of host memory.
    ///
    /// # Errors
    ///
    /// The driver's.
    pub fn memcpy_dtoh<T: DeviceRepr, Src: DevicePtr<T>, Dst: TracedHost<T> + ?Sized>(
        &self,
        src: &Src,
        dst: &mut Dst,
    ) -> Result<(), DriverError> {
        let to = End { tier: Dst::TIER, memory: Dst::MEMORY };
        let plan = self.plan::<T>(self.here(), to, src.len());
        self.copy(plan, || self.stream.memcpy_dtoh(src, dst))
    }

    /// Copies device memory, of this device or another, to new memory of this device.
    ///
    /// # Errors
    ///
    /// As [`alloc`](Self::alloc).
    pub fn clone_dtod<T: DeviceRepr, Src: DevicePtr<T>>(
        &self,
        src: &Src,
    ) -> Result<TracedSlice<T>, DriverError> {
        self.copy_to_new(End::of(src), src.len(), |dst| self.stream.memcpy_dtod(src, dst))
    }

    /// Copies device memory, of this device or another, to the beginning of memory of this device.
    ///
    /// # Errors
    ///
    /// The driver's.
    pub fn memcpy_dtod<T, Src: DevicePtr<T>, Dst: DevicePtrMut<T>>(
        &self,
        src: &Src,
        dst: &mut Dst,
    ) -> Result<(), DriverError> {
        let plan = self.plan::<T>(End::of(src), self.here(), src.len());
        self.copy(plan, || self.stream.memcpy_dtod(src, dst))
    }

    /// Allocates and fills. The block is allocated while the transfer is open, so it belongs to the module that moves.
    fn copy_to_new<T: DeviceRepr>(
        &self,
        from: End,
        len: usize,
        fill: impl FnOnce(&mut TracedSlice<T>) -> Result<(), DriverError>,
    ) -> Result<TracedSlice<T>, DriverError> {
        let mut slice = None;
        self.copy(self.plan::<T>(from, self.here(), len), || {
            // SAFETY: it is filled to its end, or dropped.
            let new = slice.insert(unsafe { self.alloc(len) }?);
            fill(new)
        })?;
        Ok(slice.expect("a copy that was made has a slice"))
    }

    fn here(&self) -> End {
        End { tier: self.device.tier(), memory: HostMemory::Unknown }
    }

    fn plan<T>(&self, from: End, to: End, len: usize) -> TransferPlan {
        let memory = if from.memory == HostMemory::Unknown { to.memory } else { from.memory };
        let plan = self.module.transfer(from.tier, to.tier, bytes_of::<T>(len));
        plan.memory(memory).reason(self.reason)
    }

    fn copy(
        &self,
        plan: TransferPlan,
        copy: impl FnOnce() -> Result<(), DriverError>,
    ) -> Result<(), DriverError> {
        let transfer = plan.begin();
        if let Some(copies) = &self.timed {
            return copies.time(&self.stream, transfer, copy);
        }
        let copied = copy();
        match copied {
            Ok(()) => transfer.end(),
            Err(_) => transfer.end_early(Bytes(0)),
        }
        copied
    }
}

/// One end of a copy.
struct End {
    tier: Tier,
    memory: HostMemory,
}

impl End {
    fn of<T>(slice: &impl DevicePtr<T>) -> Self {
        Self { tier: Tier::Device(ordinal(slice.stream().context())), memory: HostMemory::Unknown }
    }
}

/// The bytes of `len` elements. A length that cannot be is cudarc's to refuse.
fn bytes_of<T>(len: usize) -> Bytes {
    Bytes(len.saturating_mul(size_of::<T>()) as u64)
}
