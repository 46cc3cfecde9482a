//! The weights' other place: host memory, pageable or page-locked, each a heap with one pool and books of its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::allocator::Stream;
use crate::books::{HeapBook, HeapReport};
use crate::driver::{Driver, HostBuffer};
use crate::quantity::{Address, Bytes};
use crate::recording::{self, Place};

/// The heap that host tensors are counted in.
pub(crate) struct HostMemory {
    name: &'static str,
    /// Who page-locks it; nobody locks ordinary memory.
    driver: Option<Arc<dyn Driver>>,
    book: Mutex<HeapBook>,
    pool: recording::Pool,
}

/// A tensor in host memory. There is no allocator between: a block is what the program asked for.
pub(crate) struct HostTensor {
    // Declared before the memory, whose driver it may need to go.
    buffer: Box<dyn HostBuffer>,
    memory: Arc<HostMemory>,
}

impl HostMemory {
    /// Ordinary memory.
    pub(crate) fn pageable() -> Arc<HostMemory> {
        HostMemory::new("host", recording::Heap::host("host"), None)
    }

    /// Memory that the device reads and writes by itself.
    pub(crate) fn pinned(driver: &Arc<dyn Driver>) -> Arc<HostMemory> {
        HostMemory::new("pinned", recording::Heap::pinned("pinned"), Some(Arc::clone(driver)))
    }

    fn new(name: &'static str, heap: recording::Heap, driver: Option<Arc<dyn Driver>>) -> Arc<HostMemory> {
        let pool = heap.pool("tensors", Stream(0));
        Arc::new(HostMemory { name, driver, book: Mutex::default(), pool })
    }

    pub(crate) fn place(&self) -> Place {
        if self.driver.is_some() { Place::Pinned } else { Place::Host }
    }

    /// Copies bytes into a tensor.
    pub(crate) fn tensor(
        self: &Arc<HostMemory>,
        bytes: &[u8],
        owner: Option<recording::Module>,
    ) -> anyhow::Result<HostTensor> {
        self.filled(Bytes::of(bytes.len()), owner, |buffer| {
            buffer.copy_from_slice(bytes);
            Ok(())
        })
    }

    /// Makes a tensor of what `fill` writes.
    pub(crate) fn filled(
        self: &Arc<HostMemory>,
        size: Bytes,
        owner: Option<recording::Module>,
        fill: impl FnOnce(&mut [u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<HostTensor> {
        let mut buffer: Box<dyn HostBuffer> = match &self.driver {
            Some(driver) => driver.page_locked(size)?,
            None => Box::new(vec![0; size.length()].into_boxed_slice()),
        };
        fill(buffer.bytes_mut())?;
        let tensor = HostTensor { buffer, memory: Arc::clone(self) };
        let mut book = self.book();
        book.block_alloc(size, size);
        self.pool.block_alloc(tensor.address(), size, size, owner);
        drop(book);
        Ok(tensor)
    }

    pub(crate) fn report(&self) -> HeapReport {
        HeapReport::of(self.name.to_owned(), &self.book())
    }

    fn book(&self) -> MutexGuard<'_, HeapBook> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HostTensor {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.bytes()
    }

    fn address(&self) -> Address {
        Address(self.bytes().as_ptr().addr() as u64)
    }
}

impl Drop for HostTensor {
    fn drop(&mut self) {
        let size = Bytes::of(self.bytes().len());
        let mut book = self.memory.book();
        // The bytes themselves go after this, so nobody can be given them again before the free is recorded.
        self.memory.pool.block_free(self.address(), size);
        book.block_free(size, size);
    }
}
