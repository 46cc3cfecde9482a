//! Heaps and what happens in them.

use memtrace_format::{
    Address, BlockAlloc, BlockFree, BlockOwned, Bytes, Definition, DeviceDefinition, DeviceId, Event,
    HeapDefinition, HeapId, MemoryKind, ModuleId, OutOfMemory, PoolDefinition, PoolId, Segment, StackId,
};

use crate::{cursor, definitions::cut, module::Module, session, stack::Stack};

/// A device of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device(pub(crate) DeviceId);

impl Device {
    /// Names the device with this ordinal; `total` is its memory, if known.
    pub fn define(ordinal: u16, name: &str, total: Option<Bytes>) -> Self {
        Self::defined(Self::describe(ordinal, name, total))
    }

    pub(crate) fn describe(ordinal: u16, name: &str, total: Option<Bytes>) -> DeviceDefinition {
        DeviceDefinition {
            ordinal: u32::from(ordinal),
            name: cut(name).to_owned(),
            total: total.map(|bytes| bytes.0),
        }
    }

    pub(crate) fn defined(definition: DeviceDefinition) -> Self {
        Self(session::define(|id| Definition::Device(id, definition)).unwrap_or(DeviceId::NONE))
    }
}

/// A heap: one address space that events happen in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heap(pub(crate) HeapId);

impl Heap {
    /// Names a heap, such as `cuda:0`, of memory of this kind, on `device` if it is a device's.
    pub fn define(name: &str, kind: MemoryKind, device: Option<Device>) -> Self {
        let definition = HeapDefinition {
            name: cut(name).to_owned(),
            kind: kind as u8,
            device: device.map_or(0, |device| device.0.0),
        };
        Self(session::define(|id| Definition::Heap(id, definition)).unwrap_or(HeapId::NONE))
    }

    /// A pool of this heap: memory that only its own requests can use again. A heap without such divisions has one pool,
    /// whose name may be empty. `stream` is the stream whose requests it serves, 0 for the default one.
    pub fn pool(self, name: &str, stream: u64) -> Pool {
        let definition = PoolDefinition { heap: self.0.0, name: cut(name).to_owned(), stream };
        Pool(session::define(|id| Definition::Pool(id, definition)).unwrap_or(PoolId::NONE))
    }
}

/// A pool of a heap. Everything that happens to memory is recorded here.
///
/// Record an alloc *after* the memory was handed out and a free *before* it is given back: then no other thread's alloc of
/// the same address can come before the free in the log.
///
/// ```
/// use memtrace_tracer::{Address, Bytes, Heap, MemoryKind};
///
/// let heap = Heap::define("cuda:0", MemoryKind::Device, None);
/// let pool = heap.pool("small", 0);
/// pool.segment_alloc(Address(0x7f00_0000_0000), Bytes(2 << 20));
/// pool.block_alloc(Address(0x7f00_0000_0000), Bytes(1024), Bytes(1000));
/// pool.block_free(Address(0x7f00_0000_0000), Bytes(1024));
/// pool.segment_free(Address(0x7f00_0000_0000), Bytes(2 << 20));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool(pub(crate) PoolId);

impl Pool {
    /// What is asked for by a stack of calls. Events without one are of nobody's.
    #[inline(always)]
    pub fn asked_by(self, stack: Stack) -> Request {
        Request { pool: self.0, stack: stack.0 }
    }

    /// A caching allocator reserved a segment from the driver.
    #[inline]
    pub fn segment_alloc(self, address: Address, size: Bytes) {
        self.asked_by(Stack::NONE).segment_alloc(address, size);
    }

    /// A caching allocator gave a segment back to the driver.
    #[inline]
    pub fn segment_free(self, address: Address, size: Bytes) {
        cursor::record(|| Event::SegmentFree(self.asked_by(Stack::NONE).segment(address, size)));
    }

    /// A part of a reserved address range got memory (expandable segments).
    #[inline]
    pub fn segment_map(self, address: Address, size: Bytes) {
        self.asked_by(Stack::NONE).segment_map(address, size);
    }

    /// A part of a reserved address range lost its memory.
    #[inline]
    pub fn segment_unmap(self, address: Address, size: Bytes) {
        cursor::record(|| Event::SegmentUnmap(self.asked_by(Stack::NONE).segment(address, size)));
    }

    /// A block of `size` bytes was handed out for a request of `requested` bytes. It belongs to the module and the scopes
    /// that are open on this thread.
    #[inline]
    pub fn block_alloc(self, address: Address, size: Bytes, requested: Bytes) {
        self.asked_by(Stack::NONE).block_alloc(address, size, requested);
    }

    /// A block was handed out to `module`, whatever is open on this thread.
    #[inline]
    pub fn block_alloc_for(self, module: Module, address: Address, size: Bytes, requested: Bytes) {
        cursor::record(|| {
            Event::BlockAlloc(self.asked_by(Stack::NONE).block(address, size, requested, module.0))
        });
    }

    /// A live block turns out to belong to `module`: weights that were made before their module was named. One that was handed
    /// out to a module stays that one's.
    #[inline]
    pub fn block_owned(self, module: Module, address: Address) {
        cursor::record(|| Event::BlockOwned(BlockOwned { pool: self.0, address, module: module.0 }));
    }

    /// A block was given back and can be used again at once.
    #[inline]
    pub fn block_free(self, address: Address, size: Bytes) {
        cursor::record(|| Event::BlockFree(BlockFree { pool: self.0, address, size }));
    }

    /// A block was given back, but a stream may still use it: it stays active.
    #[inline]
    pub fn block_free_requested(self, address: Address, size: Bytes) {
        cursor::record(|| Event::BlockFreeRequested(BlockFree { pool: self.0, address, size }));
    }

    /// The last stream is done with a block whose free had been requested.
    #[inline]
    pub fn block_free_completed(self, address: Address, size: Bytes) {
        cursor::record(|| Event::BlockFreeCompleted(BlockFree { pool: self.0, address, size }));
    }

    /// A request for `requested` bytes failed while the device had `free` bytes, if known.
    #[inline]
    pub fn out_of_memory(self, requested: Bytes, free: Option<Bytes>) {
        self.asked_by(Stack::NONE).out_of_memory(requested, free);
    }
}

/// What a stack of calls asks of a pool: the events of [`Pool`] that have somebody who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    pool: PoolId,
    stack: StackId,
}

impl Request {
    /// As [`Pool::segment_alloc`].
    #[inline]
    pub fn segment_alloc(self, address: Address, size: Bytes) {
        cursor::record(|| Event::SegmentAlloc(self.segment(address, size)));
    }

    /// As [`Pool::segment_map`].
    #[inline]
    pub fn segment_map(self, address: Address, size: Bytes) {
        cursor::record(|| Event::SegmentMap(self.segment(address, size)));
    }

    /// As [`Pool::block_alloc`].
    #[inline]
    pub fn block_alloc(self, address: Address, size: Bytes, requested: Bytes) {
        cursor::record(|| Event::BlockAlloc(self.block(address, size, requested, ModuleId::NONE)));
    }

    /// As [`Pool::out_of_memory`].
    #[inline]
    pub fn out_of_memory(self, requested: Bytes, free: Option<Bytes>) {
        cursor::record(|| {
            Event::OutOfMemory(OutOfMemory { pool: self.pool, requested, free, stack: self.stack })
        });
    }

    #[inline(always)]
    fn segment(self, address: Address, size: Bytes) -> Segment {
        Segment { pool: self.pool, address, size, stack: self.stack }
    }

    #[inline(always)]
    fn block(self, address: Address, size: Bytes, requested: Bytes, module: ModuleId) -> BlockAlloc {
        BlockAlloc { pool: self.pool, address, size, requested, module, stack: self.stack }
    }
}
