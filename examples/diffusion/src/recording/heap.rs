//! Heaps, their pools and their counters in the trace.

use memtrace_tracer as memtrace;

use super::{Module, acknowledge, bytes};
use crate::allocator::Stream;
use crate::driver::Driver;
use crate::quantity::{Address, Bytes};

/// An address space.
#[derive(Clone, Copy)]
pub(crate) struct Heap {
    heap: memtrace::Heap,
    device: Option<memtrace::Device>,
}

/// A part of one whose free memory only its own requests reuse.
#[derive(Clone, Copy)]
pub(crate) struct Pool(memtrace::Pool);

/// A value sampled now and then.
#[derive(Clone, Copy)]
pub(crate) struct Counter(memtrace::Counter);

impl Heap {
    pub(crate) fn device(driver: &dyn Driver) -> Heap {
        let total = Some(bytes(driver.total()));
        let device = memtrace::Device::define(driver.ordinal(), &driver.name(), total);
        let kind = memtrace::MemoryKind::Device;
        Heap::define(&driver.heap_name(), kind, Some(device))
    }

    pub(crate) fn host(name: &str) -> Heap {
        Heap::define(name, memtrace::MemoryKind::Host, None)
    }

    pub(crate) fn pinned(name: &str) -> Heap {
        Heap::define(name, memtrace::MemoryKind::Pinned, None)
    }

    pub(crate) fn pool(self, name: &str, stream: Stream) -> Pool {
        Pool(self.heap.pool(name, u64::from(stream.0)))
    }

    /// A counter of bytes about this heap's device.
    pub(crate) fn counter(self, name: &str) -> Counter {
        Counter(memtrace::Counter::define(name, memtrace::Unit::Bytes, self.device))
    }

    fn define(name: &str, kind: memtrace::MemoryKind, device: Option<memtrace::Device>) -> Heap {
        Heap { heap: memtrace::Heap::define(name, kind, device), device }
    }
}

impl Counter {
    pub(crate) fn record(self, value: Bytes) {
        self.0.record(value.0);
        acknowledge();
    }
}

impl Pool {
    /// To be called after the driver gave the segment.
    pub(crate) fn segment_alloc(self, at: Address, size: Bytes) {
        self.0.segment_alloc(address(at), bytes(size));
        acknowledge();
    }

    /// To be called before the driver takes the segment back.
    pub(crate) fn segment_free(self, at: Address, size: Bytes) {
        self.0.segment_free(address(at), bytes(size));
        acknowledge();
    }

    /// To be called after the block was handed out. Without an owner it belongs to what is running on this thread.
    pub(crate) fn block_alloc(self, at: Address, size: Bytes, requested: Bytes, owner: Option<Module>) {
        let (at, size, requested) = (address(at), bytes(size), bytes(requested));
        match owner {
            Some(module) => self.0.block_alloc_for(module.inner(), at, size, requested),
            None => self.0.block_alloc(at, size, requested),
        }
        acknowledge();
    }

    /// To be called before the block can be handed out again.
    pub(crate) fn block_free(self, at: Address, size: Bytes) {
        self.0.block_free(address(at), bytes(size));
        acknowledge();
    }

    pub(crate) fn out_of_memory(self, requested: Bytes, free: Option<Bytes>) {
        self.0.out_of_memory(bytes(requested), free.map(bytes));
        acknowledge();
    }
}

fn address(address: Address) -> memtrace::Address {
    memtrace::Address(address.0)
}
