//! Finds who asked the driver: the library of the nearest caller that is neither this one nor the CUDA runtime.

use std::{
    ops::ControlFlow,
    sync::atomic::{AtomicUsize, Ordering},
};

use memtrace_tracer::{Heap, MemoryKind, Pool};

use super::context;
use crate::preload::{
    callers,
    code::Code,
    pools::{self, LazyPool, MOST_DEVICES},
};

/// The most libraries that have heaps of their own; further ones share that of the program.
const MOST_LIBRARIES: usize = 32;

/// A caller of the driver.
#[derive(Clone, Copy)]
pub(super) enum Owner {
    /// The program itself.
    Program,
    /// PyTorch's caching allocator, whose segments these are.
    CachingAllocator,
    /// A library, by its place in [`LIBRARIES`].
    Library(usize),
}

struct Library {
    /// Where it is loaded; 0 for none.
    base: AtomicUsize,
    pools: [LazyPool; MOST_DEVICES],
}

static LIBRARIES: [Library; MOST_LIBRARIES] =
    [const { Library { base: AtomicUsize::new(0), pools: [const { LazyPool::new() }; MOST_DEVICES] } };
        MOST_LIBRARIES];

impl Owner {
    /// The caller of the hook that asks. It takes an unwinding of a few frames, beside a call of the driver.
    pub(super) fn of_caller() -> Self {
        let mut owner = Self::Program;
        callers::each(|caller| match Code::around(caller).and_then(owner_of) {
            Some(found) => {
                owner = found;
                ControlFlow::Break(())
            }
            None => ControlFlow::Continue(()),
        });
        owner
    }

    pub(super) fn is_caching_allocator(self) -> bool {
        matches!(self, Self::CachingAllocator)
    }

    /// Whose the blocks are that a pool of the driver's hands out: what a caching allocator asks of one, it does not cache but
    /// hands on.
    pub(super) fn of_stream_ordered(self) -> Self {
        if self.is_caching_allocator() { Self::Program } else { self }
    }

    /// The pool of its memory on a device.
    pub(super) fn pool(self, device: u16) -> Pool {
        let Self::Library(place) = self else { return pools::cuda(device) };
        let library = &LIBRARIES[place];
        library.pools[usize::from(device).min(MOST_DEVICES - 1)].get_or_define(|| {
            let name = Code::around(library.base.load(Ordering::Relaxed)).map_or("", Code::file_name);
            let heap = format!("cuda:{device} {name}");
            Heap::define(&heap, MemoryKind::Device, Some(context::define(device))).pool("", 0)
        })
    }
}

/// Whose memory it is that this code asks for. `None`: it asks on behalf of its caller.
fn owner_of(code: Code) -> Option<Owner> {
    let name = code.file_name();
    let passes_on = ["libmemtrace.so", "libcuda.so", "libcudart.so", "libcudart-"];
    if passes_on.iter().any(|prefix| name.starts_with(prefix)) || code.is_this_library() {
        return None;
    }
    if name.starts_with("libc10_cuda.so") {
        return Some(Owner::CachingAllocator);
    }
    if code.is_the_program() {
        return Some(Owner::Program);
    }
    Some(library(code.base()).map_or(Owner::Program, Owner::Library))
}

/// The place of a library among those that were met with.
fn library(base: usize) -> Option<usize> {
    LIBRARIES.iter().position(|library| {
        let known = library.base.compare_exchange(0, base, Ordering::Relaxed, Ordering::Relaxed);
        known.is_ok() || known == Err(base)
    })
}
