//! What a program asks PyTorch's CUDA allocator for.
//!
//! A request comes to the allocator by a virtual function, `allocate`, and the report of its block is made inside of that call, on the same
//! thread. So the function's place in the allocator's table is taken by one that takes note of the request. The allocator is found by an
//! exported variable of libc10_cuda; table and function must lie in that library. Where any of this is not so, and for blocks that are asked
//! for in another way, requests stay open, and [`Books`](super::books::Books) says so in the log.

use std::{
    cell::Cell,
    ffi::{CStr, c_int, c_void},
    mem, ptr,
    sync::atomic::{
        AtomicBool, AtomicPtr,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use memtrace_tracer::Bytes;

use crate::preload::{keeping_errno, listens, next::symbol_of};

const LIBRARY: &CStr = c"libc10_cuda.so";
/// `std::atomic<CUDAAllocator*> c10::cuda::CUDACachingAllocator::allocator`
const ALLOCATOR: &CStr = c"_ZN3c104cuda20CUDACachingAllocator9allocatorE";
/// The place of `c10::Allocator::allocate` among the virtual functions: behind both forms of the destructor.
const PLACE: usize = 2;

/// `DataPtr allocate(size_t)`: where the result goes, the allocator, and the bytes.
type Allocate = unsafe extern "C-unwind" fn(*mut c_void, *mut c_void, usize) -> *mut c_void;

/// A place in a table of functions.
type Place = AtomicPtr<c_void>;

/// The allocator's own function.
static ORIGINAL: Place = AtomicPtr::new(ptr::null_mut());

thread_local! {
    /// What the thread is asking for, until its block is reported.
    static ASKED: Cell<Option<usize>> = const { Cell::new(None) };
}

/// What the block was asked for that this thread is handed now, if that is known.
pub(super) fn of_block(block: Bytes) -> Option<Bytes> {
    let asked = ASKED.take().map(|bytes| Bytes(bytes as u64));
    asked.filter(|asked| asked.0 <= block.0)
}

/// Takes note of requests from now on, if PyTorch's allocator is there.
pub(in crate::preload) fn watch() {
    static BEGUN: AtomicBool = AtomicBool::new(false);
    // On other processors what is returned goes another way.
    if cfg!(not(target_arch = "x86_64")) || BEGUN.load(Relaxed) || !listens() {
        return;
    }
    keeping_errno(|| {
        let variable = symbol_of(LIBRARY, ALLOCATOR).cast::<AtomicPtr<*const Place>>();
        // SAFETY: null, or the variable of this name: an atomic pointer to an object whose first word points to its functions.
        let table = unsafe { variable.as_ref().and_then(|variable| variable.load(Acquire).as_ref()) };
        if let Some(&table) = table
            && !BEGUN.swap(true, Relaxed)
        {
            // SAFETY: the table has more functions than that, and stays as long as the library, which nobody unloads.
            take(unsafe { &*table.add(PLACE) }, variable.addr());
        }
    });
}

/// Takes the place of a function, if the table and the function are of the library that the allocator was found in.
fn take(place: &Place, variable: usize) {
    let function = place.load(Relaxed);
    let [found, table, code] = [variable, ptr::from_ref(place).addr(), function.addr()].map(Part::around);
    let (Some(found), Some(table), Some(code)) = (found, table, code) else { return };
    if found.library == table.library && found.library == code.library {
        ORIGINAL.store(function, Release);
        table.store(place, allocate as Allocate as *mut c_void);
    }
}

/// Where something lies in a library that is loaded.
#[derive(Clone, Copy)]
struct Part {
    address: usize,
    library: usize,
    /// It was made read-only when the library had been relocated.
    is_sealed: bool,
}

impl Part {
    fn around(address: usize) -> Option<Self> {
        let mut part = Self { address, library: 0, is_sealed: false };
        // SAFETY: the function is one for this call, and takes its last argument for what it is.
        let found = unsafe { libc::dl_iterate_phdr(Some(note_part), (&raw mut part).cast()) };
        (found != 0).then_some(part)
    }

    /// Stores a function in a place of this part.
    fn store(self, place: &Place, function: *mut c_void) {
        // SAFETY: it asks for a number.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        let start = ptr::from_ref(place).cast_mut().map_addr(|address| address & !(page - 1)).cast();
        // SAFETY: the page is the library's, and is for a moment what it was while the library was relocated.
        let protect = |how| self.is_sealed && unsafe { libc::mprotect(start, page, how) } != 0;
        if protect(libc::PROT_READ | libc::PROT_WRITE) {
            return;
        }
        place.store(function, Release);
        protect(libc::PROT_READ);
    }
}

/// # Safety
///
/// As `dl_iterate_phdr` calls it, with the place for a [`Part`].
unsafe extern "C" fn note_part(object: *mut libc::dl_phdr_info, _: usize, part: *mut c_void) -> c_int {
    // SAFETY: the linker's description of a loaded object, and the place that `around` passed.
    let (object, part) = unsafe { (&*object, &mut *part.cast::<Part>()) };
    // SAFETY: so many headers are there.
    let headers = unsafe { std::slice::from_raw_parts(object.dlpi_phdr, usize::from(object.dlpi_phnum)) };
    let holds = |kind: u32| {
        headers.iter().any(|header| {
            let start = (object.dlpi_addr as usize).wrapping_add(header.p_vaddr as usize);
            header.p_type == kind && part.address.wrapping_sub(start) < header.p_memsz as usize
        })
    };
    if !holds(libc::PT_LOAD) {
        return 0;
    }
    (part.library, part.is_sealed) = (object.dlpi_addr as usize, holds(libc::PT_GNU_RELRO));
    1
}

unsafe extern "C-unwind" fn allocate(
    result: *mut c_void,
    allocator: *mut c_void,
    bytes: usize,
) -> *mut c_void {
    let _asking = Asking::begin(bytes);
    // SAFETY: the function of this type that was in the place before.
    let original = unsafe { mem::transmute::<*mut c_void, Allocate>(ORIGINAL.load(Acquire)) };
    // SAFETY: the caller's own arguments. It throws where there is no memory, and the guard is dropped on the way.
    unsafe { original(result, allocator, bytes) }
}

/// The thread asks for a block until this is dropped.
struct Asking;

impl Asking {
    fn begin(bytes: usize) -> Self {
        ASKED.set(Some(bytes));
        Self
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        ASKED.set(None);
    }
}
