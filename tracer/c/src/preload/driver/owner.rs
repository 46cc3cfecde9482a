//! Who asked the driver: the library of the nearest caller that is neither this one nor the CUDA runtime.

use std::{
    ffi::{CStr, c_int, c_void},
    mem::MaybeUninit,
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
};

use memtrace_tracer::{Heap, MemoryKind, Pool};

use super::context;
use crate::preload::{
    keeping_errno,
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
        // SAFETY: `look` is called with each frame of this thread, and with this place, which lives until it returns.
        keeping_errno(|| unsafe { _Unwind_Backtrace(look, (&raw mut owner).cast()) });
        owner
    }

    pub(super) fn is_caching_allocator(self) -> bool {
        matches!(self, Self::CachingAllocator)
    }

    /// The pool of its memory on a device.
    pub(super) fn pool(self, device: u16) -> Pool {
        let Self::Library(place) = self else { return pools::cuda(device) };
        let library = &LIBRARIES[place];
        library.pools[usize::from(device).min(MOST_DEVICES - 1)].get_or_define(|| {
            let base = ptr::with_exposed_provenance(library.base.load(Ordering::Relaxed));
            let name = Module::around(base).map_or("", Module::file_name);
            let heap = format!("cuda:{device} {name}");
            Heap::define(&heap, MemoryKind::Device, Some(context::define(device))).pool("", 0)
        })
    }
}

type Frame = *mut c_void;

unsafe extern "C-unwind" {
    fn _Unwind_Backtrace(
        look: unsafe extern "C" fn(Frame, *mut c_void) -> c_int,
        place: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(frame: Frame) -> usize;
}

/// Looks at a frame. Anything but 0 ends the unwinding.
unsafe extern "C" fn look(frame: Frame, place: *mut c_void) -> c_int {
    const GO_ON: c_int = 0;
    const ENOUGH: c_int = 5;
    // SAFETY: the unwinder passes a frame.
    let instruction = ptr::with_exposed_provenance(unsafe { _Unwind_GetIP(frame) });
    let Some(owner) = Module::around(instruction).and_then(Module::owner) else { return GO_ON };
    // SAFETY: this is the place that was passed to the unwinder.
    unsafe { place.cast::<Owner>().write(owner) };
    ENOUGH
}

/// A file of code in the process.
#[derive(Clone, Copy)]
struct Module {
    file: &'static CStr,
    base: *const c_void,
}

impl Module {
    /// What the code at `instruction` is from. `None`: it was made at run time.
    fn around(instruction: *const c_void) -> Option<Self> {
        let mut found = MaybeUninit::<libc::Dl_info>::uninit();
        // SAFETY: the place is valid to write to, and is written to where the call succeeds. What has called the driver is
        // not unloaded while it does, and the names of what stays loaded stay.
        unsafe {
            if libc::dladdr(instruction, found.as_mut_ptr()) == 0 {
                return None;
            }
            let found = found.assume_init();
            Some(Self { file: CStr::from_ptr(found.dli_fname), base: found.dli_fbase })
        }
    }

    fn file_name(self) -> &'static str {
        let path = self.file.to_str().unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default()
    }

    /// Whose memory it is that this code asks for. `None`: it asks on behalf of its caller.
    fn owner(self) -> Option<Owner> {
        let name = self.file_name();
        let passes_on = ["libmemtrace.so", "libcuda.so", "libcudart.so", "libcudart-"];
        if passes_on.iter().any(|prefix| name.starts_with(prefix)) || self.base == this_library() {
            return None;
        }
        if name.starts_with("libc10_cuda.so") {
            return Some(Owner::CachingAllocator);
        }
        if Self::around(program()).is_some_and(|program| program.base == self.base) {
            return Some(Owner::Program);
        }
        Some(library(self.base.addr()).map_or(Owner::Program, Owner::Library))
    }
}

fn this_library() -> *const c_void {
    Module::around(look as *const c_void).map_or(ptr::null(), |module| module.base)
}

/// An address in the program itself.
fn program() -> *const c_void {
    // SAFETY: getauxval reads a constant of the process.
    ptr::with_exposed_provenance(unsafe { libc::getauxval(libc::AT_ENTRY) } as usize)
}

/// The place of a library among those that were met with.
fn library(base: usize) -> Option<usize> {
    LIBRARIES.iter().position(|library| {
        let known = library.base.compare_exchange(0, base, Ordering::Relaxed, Ordering::Relaxed);
        known.is_ok() || known == Err(base)
    })
}
