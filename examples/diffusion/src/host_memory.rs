//! The weights' other place: host memory, as a heap with one pool and books of its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::books::{HeapBook, HeapReport};
use crate::quantity::{Address, Bytes};
use crate::recording;

const NAME: &str = "host";

/// The heap that host tensors are counted in.
pub(crate) struct HostMemory {
    book: Mutex<HeapBook>,
    pool: recording::Pool,
}

/// A tensor in host memory. There is no driver between: a block is what the program asked for.
pub(crate) struct HostTensor {
    bytes: Box<[u8]>,
    memory: Arc<HostMemory>,
}

impl HostMemory {
    pub(crate) fn new() -> Arc<HostMemory> {
        let pool = recording::Heap::host(NAME).pool("tensors", crate::allocator::Stream(0));
        Arc::new(HostMemory { book: Mutex::default(), pool })
    }

    /// Takes bytes over as a tensor.
    pub(crate) fn tensor(
        self: &Arc<HostMemory>,
        bytes: Vec<u8>,
        owner: Option<recording::Module>,
    ) -> HostTensor {
        let tensor = HostTensor { bytes: bytes.into_boxed_slice(), memory: Arc::clone(self) };
        let (address, size) = tensor.place();
        let mut book = self.book();
        book.block_alloc(size, size);
        self.pool.block_alloc(address, size, size, owner);
        drop(book);
        tensor
    }

    pub(crate) fn report(&self) -> HeapReport {
        HeapReport { name: NAME.to_owned(), figures: self.book().summary() }
    }

    fn book(&self) -> MutexGuard<'_, HeapBook> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HostTensor {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn place(&self) -> (Address, Bytes) {
        (Address(self.bytes.as_ptr().addr() as u64), Bytes::of(self.bytes.len()))
    }
}

impl Drop for HostTensor {
    fn drop(&mut self) {
        let (address, size) = self.place();
        let mut book = self.memory.book();
        // The bytes themselves go after this, so nobody can be given them again before the free is recorded.
        self.memory.pool.block_free(address, size);
        book.block_free(size, size);
    }
}
