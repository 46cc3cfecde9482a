//! PyTorch's allocators: what they report to its profiler.
//!
//! Every block that a caching allocator hands out or takes back, on every kind of device, is reported to a function of
//! libc10 that a profiler may listen to. It is called from another library, or through the linkage table of libc10 itself, so
//! the dynamic linker finds the one below first. It passes on what it is told; the profiler of PyTorch sees what it always saw.
//!
//! A report says how long the block is that the allocator cut, and not what was asked for: [`requests`] takes note of that. The allocator of
//! a device reports under its lock, so blocks are in order; the host's reports an alloc after and a free before it happens, but outside its
//! lock.
//!
//! The host's blocks come from `malloc`. They are in the heap `torch cpu`, and not in the heap `host`: what this library
//! sees of `malloc` while PyTorch's host allocator asks for memory is left alone, so that no byte is in two heaps.

mod books;

mod device;

mod mapped;

mod owned;

mod requests;

use std::{
    ffi::{CStr, CString, c_int, c_void},
    ptr,
    sync::atomic::{AtomicBool, Ordering},
};

use memtrace_tracer::{Address, Bytes};

pub(super) use self::requests::watch as watch_requests;
use self::{books::Books, device::Device};
use super::{flags::IN_TORCH, keeping_errno, listens, next::Next, records, stacks};

type ReportUsage = unsafe extern "C-unwind" fn(*mut c_void, i64, u64, u64, Device);
type ReportOutOfMemory = unsafe extern "C-unwind" fn(u64, u64, u64, Device);
type ProfilingEnabled = unsafe extern "C-unwind" fn() -> bool;
type Allocate = unsafe extern "C-unwind" fn(usize) -> *mut c_void;

/// The functions of libc10, whose totals are `size_t`, and were `int64_t` before 2.1.
mod c10 {
    use super::{Allocate, Next, ProfilingEnabled, ReportOutOfMemory, ReportUsage};

    macro_rules! functions {
        ($($place:ident: $function:ty = $name:literal;)*) => {
            // SAFETY: the types are those of c10/core/Allocator.h and c10/core/impl/alloc_cpu.h.
            $(pub(super) static $place: Next<$function> = unsafe { Next::named($name) };)*
        };
    }

    functions! {
        USAGE: ReportUsage = c"_ZN3c1027reportMemoryUsageToProfilerEPvlmmNS_6DeviceE";
        USAGE_SIGNED: ReportUsage = c"_ZN3c1027reportMemoryUsageToProfilerEPvlllNS_6DeviceE";
        OUT_OF_MEMORY: ReportOutOfMemory = c"_ZN3c1027reportOutOfMemoryToProfilerElmmNS_6DeviceE";
        OUT_OF_MEMORY_SIGNED: ReportOutOfMemory = c"_ZN3c1027reportOutOfMemoryToProfilerElllNS_6DeviceE";
        PROFILING: ProfilingEnabled = c"_ZN3c1022memoryProfilingEnabledEv";
        ALLOCATE: Allocate = c"_ZN3c109alloc_cpuEm";
    }
}

/// `c10::reportMemoryUsageToProfiler(void*, int64_t, size_t, size_t, c10::Device)`
#[unsafe(export_name = "_ZN3c1027reportMemoryUsageToProfilerEPvlmmNS_6DeviceE")]
unsafe extern "C-unwind" fn report_usage(
    block: *mut c_void,
    size: i64,
    allocated: u64,
    reserved: u64,
    device: Device,
) {
    record_usage(block, size, allocated, reserved, device);
    // SAFETY: the caller's own arguments.
    unsafe { pass_usage_on(&c10::USAGE, block, size, allocated, reserved, device) };
}

/// As [`report_usage`], in a PyTorch before 2.1.
#[unsafe(export_name = "_ZN3c1027reportMemoryUsageToProfilerEPvlllNS_6DeviceE")]
unsafe extern "C-unwind" fn report_usage_signed(
    block: *mut c_void,
    size: i64,
    allocated: u64,
    reserved: u64,
    device: Device,
) {
    record_usage(block, size, allocated, reserved, device);
    // SAFETY: the caller's own arguments.
    unsafe { pass_usage_on(&c10::USAGE_SIGNED, block, size, allocated, reserved, device) };
}

/// `c10::reportOutOfMemoryToProfiler(int64_t, size_t, size_t, c10::Device)`
#[unsafe(export_name = "_ZN3c1027reportOutOfMemoryToProfilerElmmNS_6DeviceE")]
unsafe extern "C-unwind" fn report_out_of_memory(
    requested: u64,
    allocated: u64,
    reserved: u64,
    device: Device,
) {
    record_out_of_memory(requested, device);
    if let Some(real) = find(&c10::OUT_OF_MEMORY) {
        // SAFETY: the caller's own arguments.
        unsafe { real(requested, allocated, reserved, device) };
    }
}

/// As [`report_out_of_memory`], in a PyTorch before 2.1.
#[unsafe(export_name = "_ZN3c1027reportOutOfMemoryToProfilerElllNS_6DeviceE")]
unsafe extern "C-unwind" fn report_out_of_memory_signed(
    requested: u64,
    allocated: u64,
    reserved: u64,
    device: Device,
) {
    record_out_of_memory(requested, device);
    if let Some(real) = find(&c10::OUT_OF_MEMORY_SIGNED) {
        // SAFETY: the caller's own arguments.
        unsafe { real(requested, allocated, reserved, device) };
    }
}

/// `c10::memoryProfilingEnabled()`: the host's allocator keeps sums, and reports, only while this is true.
#[unsafe(export_name = "_ZN3c1022memoryProfilingEnabledEv")]
unsafe extern "C-unwind" fn memory_profiling_enabled() -> bool {
    listens() || profiler_listens()
}

/// `c10::alloc_cpu(size_t)`
#[unsafe(export_name = "_ZN3c109alloc_cpuEm")]
unsafe extern "C-unwind" fn alloc_cpu(size: usize) -> *mut c_void {
    let _within = Within::enter();
    match find(&c10::ALLOCATE) {
        // SAFETY: the caller's own argument. It throws where there is no memory, and the guard is dropped on the way.
        Some(real) => unsafe { real(size) },
        None => ptr::null_mut(),
    }
}

/// Whether the calling thread is in PyTorch's host allocator, whose blocks are recorded as its own and not as those of
/// `malloc`.
#[inline(always)]
pub(crate) fn allocates() -> bool {
    // A program without PyTorch need not look at its threads. Relaxed: a thread that is in the allocator has set it itself.
    SEEN.load(Ordering::Relaxed) && IN_TORCH.is_up()
}

/// Whether PyTorch's host allocator was ever asked.
static SEEN: AtomicBool = AtomicBool::new(false);

/// The thread is in PyTorch's host allocator until this is dropped. While nothing is recorded of it, its blocks are anybody's.
struct Within(bool);

impl Within {
    fn enter() -> Self {
        SEEN.store(true, Ordering::Relaxed);
        Self(IN_TORCH.replace(listens()))
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        IN_TORCH.replace(self.0);
    }
}

fn record_usage(block: *mut c_void, size: i64, allocated: u64, reserved: u64, device: Device) {
    if !records() || size == 0 {
        return;
    }
    if device.is_host() && mapped::record(block.addr() as u64, size, allocated) {
        return;
    }
    let Some(books) = Books::of(device, allocated.wrapping_sub(size as u64)) else { return };
    let (address, bytes) = (Address(block.addr() as u64), Bytes(size.unsigned_abs()));
    if size > 0 {
        // The host's allocator hands out just what it is asked for.
        let requested = if device.is_host() { Some(bytes) } else { requests::of_block(bytes) };
        if requested.is_none() {
            books.leave_requests_open();
        }
        books.pool.asked_by(stacks::here()).block_alloc(address, bytes, requested.unwrap_or(bytes));
    } else {
        books.pool.block_free(address, bytes);
    }
    books.compare(size, allocated, reserved);
}

fn record_out_of_memory(requested: u64, device: Device) {
    if records()
        && let Some(pool) = device.pool()
    {
        pool.asked_by(stacks::here()).out_of_memory(Bytes(requested), device.free());
    }
}

/// A device's allocator reports always, the host's only what a profiler wants to hear.
///
/// # Safety
///
/// As for the function.
unsafe fn pass_usage_on(
    next: &'static Next<ReportUsage>,
    block: *mut c_void,
    size: i64,
    allocated: u64,
    reserved: u64,
    device: Device,
) {
    if device.is_host() && !profiler_listens() {
        return;
    }
    if let Some(real) = find(next) {
        // SAFETY: the caller's.
        unsafe { real(block, size, allocated, reserved, device) };
    }
}

/// What PyTorch says by itself.
fn profiler_listens() -> bool {
    // SAFETY: it has no argument.
    find(&c10::PROFILING).is_some_and(|real| unsafe { real() })
}

/// A function of libc10. Python opens that library for its own modules alone, so it is not among those that the dynamic
/// linker searches for a program, and its name has a version on some systems: it is looked for among all that are loaded.
#[inline(always)]
fn find<F: Copy>(next: &'static Next<F>) -> Option<F> {
    next.known().or_else(|| find_in_library(next))
}

#[cold]
#[inline(never)]
fn find_in_library<F: Copy>(next: &'static Next<F>) -> Option<F> {
    keeping_errno(|| {
        if let Some(library) = libc10() {
            next.learn_from(&library);
        }
    });
    next.get()
}

/// The path of libc10.
fn libc10() -> Option<CString> {
    let mut path: Option<CString> = None;
    // SAFETY: the function below is one for this call, and `path` is what it takes its last argument for.
    unsafe { libc::dl_iterate_phdr(Some(note_libc10), (&raw mut path).cast()) };
    path
}

/// # Safety
///
/// As `dl_iterate_phdr` calls it, with the place for a path.
unsafe extern "C" fn note_libc10(object: *mut libc::dl_phdr_info, _: usize, path: *mut c_void) -> c_int {
    // SAFETY: the linker's description of a loaded object, whose name is a string.
    let name = unsafe { CStr::from_ptr((*object).dlpi_name) };
    let file = name.to_bytes().rsplit(|&byte| byte == b'/').next();
    if !file.is_some_and(|file| file.starts_with(b"libc10.so")) {
        return 0;
    }
    // SAFETY: the place that `libc10` passed.
    unsafe { *path.cast::<Option<CString>>() = Some(name.to_owned()) };
    1
}
