//! Takes device memory as an engine with a caching allocator does, asks the tracer for figures meanwhile, and prints them as
//! JSON. The argument says which figures.

use std::{
    collections::BTreeMap,
    env,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use cudarc::driver::{result, sys};
use memtrace_tracer::{
    self as memtrace, Address, AllocatorStatistics, Bytes, CachingAllocator, Device, Heap, MemoryKind,
    MemoryMonitor, MemorySnapshot, MonitorFigures, Pool, Pressure, Release,
};
use serde_json::{Value, json};

const GIB: u64 = 1 << 30;

fn main() {
    let figures = match env::args().nth(1).as_deref() {
        Some("profile") => profile(),
        Some("monitor") => monitor(),
        Some("pool") => pool(),
        Some("pressure") => pressure(),
        Some("machine") => machine(),
        other => panic!("{other:?} is not known"),
    };
    println!("{figures}");
}

/// The worked example that vLLM documents for its own profiling. Other processes have 1 GiB: that is the driver's setting.
fn profile() -> Value {
    let device = CudaDevice::open();
    let allocator = Allocator::new();
    let loading = memtrace::weights_loading(0, &allocator).expect("a device");
    let weights = [allocator.alloc(GIB), allocator.alloc(GIB)];
    let library = device.take(GIB / 2);
    let loaded = loading.end().expect("a device");

    let profiling =
        memtrace::memory_profiling(loaded.baseline, loaded.weights_memory, &allocator).expect("a device");
    let activations = [allocator.alloc(GIB), allocator.alloc(GIB)];
    let buffers = device.take(GIB / 2);
    // One stays, so that the allocator ends with 3 GiB.
    allocator.free(activations[1]);
    let profile = profiling.end().expect("a device");

    let snapshot = |at: &MemorySnapshot| {
        json!({
            "free": at.free.0,
            "total": at.total.0,
            "allocated": at.allocator.allocated.0,
            "reserved": at.allocator.reserved.0,
            "non_allocator": at.non_allocator().0,
        })
    };
    let figures = json!({
        "weights_memory": profile.weights_memory.0,
        "peak_activation": profile.allocator_peak_increase.0,
        "non_torch_increase": profile.non_allocator_increase.0,
        "non_kv_cache_memory": profile.non_kv_cache_memory.0,
        "before_create": snapshot(&profile.before_create),
        "before_profile": snapshot(&profile.before_profile),
        "after_profile": snapshot(&profile.after_profile),
        "profile_time_ns": profile.profile_time.as_nanos() as u64,
    });
    weights.into_iter().chain([activations[0]]).for_each(|block| allocator.free(block));
    [library, buffers].into_iter().for_each(|address| device.give_back(address));
    figures
}

/// A spike, of which a polled monitor sees what the driver says, and the allocator the whole.
fn monitor() -> Value {
    let mut monitors = Vec::new();
    let _device = CudaDevice::open();
    let allocator = Arc::new(Allocator::new());
    for rate in [500.0, 0.0] {
        let mut monitor = MemoryMonitor::with_allocator(0, rate, allocator.clone());
        let before = allocator.alloc(GIB);
        allocator.free(before);
        allocator.release_cached();
        monitor.monitor();
        let first = monitor.read();
        let blocks = [allocator.alloc(2 * GIB), allocator.alloc(GIB)];
        thread::sleep(Duration::from_millis(200));
        blocks.into_iter().for_each(|block| allocator.free(block));
        allocator.release_cached();
        let last = monitor.stop();
        let spike = allocator.alloc(3 * GIB);
        thread::sleep(Duration::from_millis(50));
        allocator.free(spike);
        allocator.release_cached();
        let stopped = monitor.read();
        monitors.push(json!([first, last, stopped].map(|figures| shown(&figures))));
    }
    Value::from(monitors)
}

/// Without an allocator that tells of itself, the device's default pool does.
fn pool() -> Value {
    let device = CudaDevice::open();
    let mut monitor = MemoryMonitor::new(0, 500.0);
    monitor.monitor();
    let address = device.take_from_pool(GIB);
    thread::sleep(Duration::from_millis(200));
    device.give_back_to_pool(address);
    shown(&monitor.stop())
}

/// Whatever the machine has: with a threshold of 0 it has always too little.
fn pressure() -> Value {
    let _device = CudaDevice::open();
    let allocator = Allocator::new();
    let always = Pressure { threshold: 0.0, ..Pressure::default() };
    let never = Pressure { threshold: 1.0, ..Pressure::default() };
    let mut came = Vec::new();
    let mut relieve = |pressure: Pressure| {
        came.push(match pressure.relieve(0, &allocator).expect("a device") {
            Release::NotIntegrated => json!("not integrated"),
            Release::TooLittle { releasable } => json!({ "too little": releasable.0 }),
            Release::NoPressure { available, total } => {
                assert!(available.0 > 0 && available < total, "{available} of {total}");
                json!("no pressure")
            }
            Release::Released(bytes) => json!({ "released": bytes.0 }),
            other => panic!("{other:?} is not known"),
        });
    };
    let block = allocator.alloc(GIB);
    relieve(always);
    allocator.free(block);
    relieve(never);
    relieve(always);
    Value::from(came)
}

fn machine() -> Value {
    let shared = memtrace::max_shared_memory_per_block(0);
    let none = memtrace::max_shared_memory_per_block(7);
    let allocator = Allocator::new();
    let snapshot = MemorySnapshot::measure(0, &allocator);
    json!({
        "cpu_memory": memtrace::cpu_memory().expect("the kernel says").0,
        "max_shared_memory": shared.map(|bytes| bytes.0).map_err(|error| error.to_string()),
        "of_no_device": none.map(|bytes| bytes.0).map_err(|error| error.to_string()),
        "free": snapshot.map(|at| at.free.0).map_err(|error| error.to_string()),
    })
}

fn shown(figures: &MonitorFigures) -> Value {
    let bytes = |figure: Option<Bytes>| figure.map(|bytes| bytes.0);
    json!({
        "free": bytes(figures.free),
        "total": bytes(figures.total),
        "active": bytes(figures.active),
        "active_peak": bytes(figures.active_peak),
        "reserved": bytes(figures.reserved),
        "reserved_peak": bytes(figures.reserved_peak),
        "min_free": bytes(figures.min_free),
        "system_peak": bytes(figures.system_peak),
    })
}

/// The first device, with its primary context current on the main thread.
struct CudaDevice;

impl CudaDevice {
    fn open() -> Self {
        result::init().expect("a driver");
        let device = result::device::get(0).expect("a device");
        // SAFETY: the device came from the driver. The context stays until the process ends.
        let context = unsafe { result::primary_ctx::retain(device) }.expect("a context");
        // SAFETY: the context was just retained.
        unsafe { result::ctx::set_current(context) }.expect("a context");
        Self
    }

    /// Memory that no allocator knows of.
    fn take(&self, bytes: u64) -> sys::CUdeviceptr {
        // SAFETY: there is a current context. Nobody reads the memory.
        unsafe { result::malloc_sync(bytes as usize) }.expect("room")
    }

    fn give_back(&self, address: sys::CUdeviceptr) {
        // SAFETY: the address came from `take` and is given back once.
        unsafe { result::free_sync(address) }.expect("it was taken");
    }

    fn take_from_pool(&self, bytes: u64) -> sys::CUdeviceptr {
        // SAFETY: there is a current context, and the null stream is its default one. Nobody reads the memory.
        unsafe { result::malloc_async(std::ptr::null_mut(), bytes as usize) }.expect("room")
    }

    fn give_back_to_pool(&self, address: sys::CUdeviceptr) {
        // SAFETY: the address came from `take_from_pool` and is given back once.
        unsafe { result::free_async(address, std::ptr::null_mut()) }.expect("it was taken");
    }
}

/// A caching allocator with a segment a block.
struct Allocator {
    pool: Pool,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    /// Segments by address: how long they are, and whether a block holds them.
    segments: BTreeMap<u64, (u64, bool)>,
    statistics: AllocatorStatistics,
}

impl Allocator {
    fn new() -> Self {
        let heap = Heap::define("cuda:0", MemoryKind::Device, Some(Device::define(0, "the engine's", None)));
        Self { pool: heap.pool("", 0), books: Mutex::default() }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alloc(&self, bytes: u64) -> u64 {
        let mut books = self.books();
        let cached =
            books.segments.iter().find(|&(_, &(size, used))| size == bytes && !used).map(|(&at, _)| at);
        let address = cached.unwrap_or_else(|| {
            let address = CudaDevice.take(bytes);
            self.pool.segment_alloc(Address(address), Bytes(bytes));
            address
        });
        books.segments.insert(address, (bytes, true));
        books.count();
        self.pool.block_alloc(Address(address), Bytes(bytes), Bytes(bytes));
        address
    }

    fn free(&self, address: u64) {
        let mut books = self.books();
        let (size, used) = books.segments.get_mut(&address).expect("it was handed out");
        self.pool.block_free(Address(address), Bytes(*size));
        *used = false;
        books.count();
    }
}

impl Books {
    fn count(&mut self) {
        let sum = |only_used: bool| {
            let segments = self.segments.values().filter(|(_, used)| *used || !only_used);
            Bytes(segments.map(|(size, _)| size).sum())
        };
        let (allocated, reserved) = (sum(true), sum(false));
        let its = &mut self.statistics;
        (its.allocated, its.active, its.reserved) = (allocated, allocated, reserved);
        its.allocated_peak = its.allocated_peak.max(allocated);
        its.active_peak = its.active_peak.max(allocated);
        its.reserved_peak = its.reserved_peak.max(reserved);
    }
}

impl CachingAllocator for Allocator {
    fn statistics(&self) -> AllocatorStatistics {
        self.books().statistics
    }

    fn reset_peaks(&self) {
        let its = &mut self.books().statistics;
        (its.allocated_peak, its.active_peak, its.reserved_peak) = (its.allocated, its.active, its.reserved);
    }

    fn release_cached(&self) -> Bytes {
        let mut books = self.books();
        let before = books.statistics.reserved;
        books.segments.retain(|&address, &mut (size, used)| {
            if !used {
                self.pool.segment_free(Address(address), Bytes(size));
                CudaDevice.give_back(address);
            }
            used
        });
        books.count();
        Bytes(before.0 - books.statistics.reserved.0)
    }
}
