//! A monitor of one device, polled on a thread of its own.

use std::{
    fmt,
    ops::RangeInclusive,
    process,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use memtrace_format::Bytes;

use super::{CachingAllocator, reader::DeviceReader};
use crate::{
    log::Thread,
    message::say,
    sources::{Context, Unavailable},
};

/// A driver's calls need room of their own.
const STACK: usize = 512 << 10;

/// A monitor is not polled more often than this, and one that is to be polled less often than this is not polled.
const PERIODS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(24 * 60 * 60);

/// Watches the memory of one device, as web UIs show it under an image.
///
/// ```
/// use memtrace_tracer::MemoryMonitor;
///
/// let mut monitor = MemoryMonitor::new(0, 8.0);
/// monitor.monitor();
/// // Make an image.
/// let figures = monitor.stop();
/// match figures.system_peak {
///     Some(peak) => println!("at most {peak} of {:?} in use", figures.total),
///     None => println!("there is no device to watch"),
/// }
/// ```
///
/// Where the device cannot be watched (no driver, no device, no NVML), it says so once on stderr, and its figures are
/// those that can be had. Making a monitor loads and initialises the driver; the driver's figures begin when the process has a
/// context on the device. A forked child makes a monitor of its own.
pub struct MemoryMonitor {
    shared: Arc<Shared>,
    period: Option<Duration>,
    poller: Option<Thread>,
    /// The process whose thread that is.
    process: u32,
}

/// What a monitor shows, in bytes. What cannot be had is `None`, never 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MonitorFigures {
    /// What can be had of the device now. On an integrated device: what the host has available.
    pub free: Option<Bytes>,
    /// All of its memory.
    pub total: Option<Bytes>,
    /// Blocks handed out, and freed ones that a stream still uses.
    pub active: Option<Bytes>,
    /// The most of them since [`monitor`](MemoryMonitor::monitor).
    pub active_peak: Option<Bytes>,
    /// Segments.
    pub reserved: Option<Bytes>,
    /// The most of them since `monitor`.
    pub reserved_peak: Option<Bytes>,
    /// The least free memory of all looks since `monitor`.
    pub min_free: Option<Bytes>,
    /// `total − min_free`: the most that all processes used together.
    pub system_peak: Option<Bytes>,
}

struct Shared {
    device: u16,
    /// None once it turned out that the device cannot be read.
    reader: Mutex<Option<DeviceReader>>,
    allocator: Option<Arc<dyn CachingAllocator>>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Which call of `monitor` it is that is polled for: a look that began before it does not count.
    round: u64,
    polled: bool,
    over: bool,
    extremes: Extremes,
}

/// What was seen since `monitor`.
#[derive(Clone, Copy, Default)]
struct Extremes {
    min_free: Option<Bytes>,
    /// The most active and reserved bytes of the driver's pool.
    pool: Option<(Bytes, Bytes)>,
}

/// What one look sees.
#[derive(Clone, Copy, Default)]
struct Look {
    free: Option<Bytes>,
    total: Option<Bytes>,
    /// Active and reserved bytes of the driver's pool, where no allocator tells of itself.
    pool: Option<(Bytes, Bytes)>,
}

impl MemoryMonitor {
    /// A monitor of the device with this ordinal, polled so many times per second between [`monitor`](Self::monitor) and
    /// [`stop`](Self::stop); 0 or less: never, and then the extremes are those of the calls alone.
    ///
    /// Active and reserved bytes are those of the device's default pool of stream-ordered allocation, and their peaks the
    /// most of all looks: other programs' marks are left alone.
    pub fn new(device: u16, polls_per_second: f64) -> Self {
        Self::make(device, polls_per_second, None)
    }

    /// As [`new`](Self::new), with active and reserved bytes as the engine's own allocator counts them, so that no peak is missed.
    pub fn with_allocator(device: u16, polls_per_second: f64, allocator: Arc<dyn CachingAllocator>) -> Self {
        Self::make(device, polls_per_second, Some(allocator))
    }

    /// Sets the peaks back and begins to watch.
    pub fn monitor(&mut self) {
        if let Some(allocator) = &self.shared.allocator {
            allocator.reset_peaks();
        }
        let mut state = self.shared.state();
        state.round += 1;
        state.extremes = Extremes::default();
        state.polled = self.period.is_some();
        drop(state);
        self.shared.look();
        self.start_poller();
        self.shared.changed.notify_all();
    }

    /// The figures now.
    pub fn read(&self) -> MonitorFigures {
        self.shared.read()
    }

    /// Ends watching. Returns the figures now; a later [`read`](Self::read) still counts from the last `monitor` on.
    pub fn stop(&mut self) -> MonitorFigures {
        self.shared.state().polled = false;
        self.shared.changed.notify_all();
        self.shared.read()
    }

    fn make(device: u16, polls_per_second: f64, allocator: Option<Arc<dyn CachingAllocator>>) -> Self {
        let reader = DeviceReader::open(device)
            .inspect_err(|why| say(format_args!("device {device} is not monitored: {why}")))
            .ok();
        if reader.is_some() {
            stop_before_the_driver_does();
        }
        let period = (polls_per_second > 0.0)
            .then(|| Duration::try_from_secs_f64(1.0 / polls_per_second).ok())
            .flatten()
            .map(|period| period.max(*PERIODS.start()))
            .filter(|period| PERIODS.contains(period) && reader.is_some());
        let shared = Shared {
            device,
            reader: Mutex::new(reader),
            allocator,
            state: Mutex::default(),
            changed: Condvar::new(),
        };
        Self { shared: Arc::new(shared), period, poller: None, process: process::id() }
    }

    fn start_poller(&mut self) {
        let Some(period) = self.period.filter(|_| self.poller.is_none()) else { return };
        let shared = Arc::clone(&self.shared);
        match Thread::start(c"memtrace-poll", STACK, move || shared.poll(period)) {
            Ok(poller) => self.poller = Some(poller),
            Err(error) => say(format_args!("device {} is not polled: {error}", self.shared.device)),
        }
    }
}

impl Drop for MemoryMonitor {
    fn drop(&mut self) {
        self.shared.state().over = true;
        self.shared.changed.notify_all();
        // A forked child has its parent's monitor without the thread.
        if let Some(poller) = self.poller.take().filter(|_| self.process == process::id()) {
            poller.join();
        }
    }
}

impl fmt::Debug for MemoryMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (device, period) = (self.shared.device, self.period);
        f.debug_struct("MemoryMonitor")
            .field("device", &device)
            .field("period", &period)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks again and again while it is asked for.
    fn poll(&self, period: Duration) {
        let mut state = self.state();
        while !state.over {
            if !state.polled {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            drop(state);
            if !while_the_driver_lives(|| self.look()) {
                return;
            }
            let waited =
                self.changed.wait_timeout_while(self.state(), period, |state| state.polled && !state.over);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn read(&self) -> MonitorFigures {
        let look = self.look();
        let extremes = self.state().extremes;
        let allocator = self.allocator.as_ref().map(|allocator| allocator.statistics());
        let now = allocator.map(|its| (its.active, its.reserved)).or(look.pool);
        let most = allocator.map(|its| (its.active_peak, its.reserved_peak)).or(extremes.pool);
        let peak = |total: Bytes, least: Bytes| Bytes(total.0.saturating_sub(least.0));
        MonitorFigures {
            free: look.free,
            total: look.total,
            active: now.map(|now| now.0),
            active_peak: most.map(|most| most.0),
            reserved: now.map(|now| now.1),
            reserved_peak: most.map(|most| most.1),
            min_free: extremes.min_free,
            system_peak: look.total.zip(extremes.min_free).map(|(total, least)| peak(total, least)),
        }
    }

    /// Reads the device, and counts what it sees.
    fn look(&self) -> Look {
        let round = self.state().round;
        let look = self.read_device();
        let mut state = self.state();
        if state.round == round {
            state.extremes.note(&look);
        }
        look
    }

    fn read_device(&self) -> Look {
        let mut place = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(reader) = &*place else { return Look::default() };
        let pool = if self.allocator.is_none() { reader.pool().ok() } else { None };
        // A poll makes no context: that takes milliseconds and device memory.
        let memory = match reader.memory(Context::AsItIs) {
            Ok(memory) => Some(memory),
            Err(Unavailable::NotYet(_)) => None,
            Err(why) => {
                say(format_args!("device {} is not monitored any more: {why}", self.device));
                *place = None;
                None
            }
        };
        Look {
            free: memory.map(|memory| memory.free()),
            total: memory.map(|memory| memory.driver.total),
            pool: pool.map(|pool| (pool.used, pool.reserved)),
        }
    }
}

impl Extremes {
    fn note(&mut self, look: &Look) {
        self.min_free = match (self.min_free, look.free) {
            (Some(least), Some(free)) => Some(least.min(free)),
            (least, free) => least.or(free),
        };
        self.pool = match (self.pool, look.pool) {
            (Some(most), Some(now)) => Some((most.0.max(now.0), most.1.max(now.1))),
            (most, now) => most.or(now),
        };
    }
}

/// Whether the driver's library may still be called by polls: it ends with the process, before their threads do.
static DRIVER_LIVES: Mutex<bool> = Mutex::new(true);

/// Runs `work` if the driver may still be called, and keeps the process from ending meanwhile. Returns whether it may.
fn while_the_driver_lives<T>(work: impl FnOnce() -> T) -> bool {
    let lives = DRIVER_LIVES.lock().unwrap_or_else(PoisonError::into_inner);
    if *lives {
        work();
    }
    *lives
}

/// Ends polls when the process ends. What is registered after the driver's library was loaded is called before that ends.
fn stop_before_the_driver_does() {
    static REGISTERED: Once = Once::new();
    static PROCESS: AtomicU32 = AtomicU32::new(0);
    extern "C" fn stop() {
        // A forked child has no polls, and may have their lock as it was in the middle of one.
        if PROCESS.load(Ordering::Relaxed) == process::id() {
            *DRIVER_LIVES.lock().unwrap_or_else(PoisonError::into_inner) = false;
        }
    }
    REGISTERED.call_once(|| {
        PROCESS.store(process::id(), Ordering::Relaxed);
        // SAFETY: the handler lives as long as the program and may be called at any time.
        unsafe { libc::atexit(stop) };
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AllocatorStatistics;

    /// The ordinal of a device that no machine has.
    const NONE: u16 = u16::MAX;

    #[derive(Default)]
    struct Books(Mutex<AllocatorStatistics>);

    impl Books {
        fn set(&self, active: u64, reserved: u64) {
            let mut its = self.0.lock().unwrap();
            (its.active, its.reserved) = (Bytes(active), Bytes(reserved));
            its.active_peak = its.active_peak.max(its.active);
            its.reserved_peak = its.reserved_peak.max(its.reserved);
        }
    }

    impl CachingAllocator for Books {
        fn statistics(&self) -> AllocatorStatistics {
            *self.0.lock().unwrap()
        }

        fn reset_peaks(&self) {
            let mut its = self.0.lock().unwrap();
            (its.active_peak, its.reserved_peak) = (its.active, its.reserved);
        }

        fn release_cached(&self) -> Bytes {
            Bytes(0)
        }
    }

    #[test]
    fn without_a_device_there_is_what_the_allocator_says() {
        let books = Arc::new(Books::default());
        books.set(900, 1000);
        let mut monitor = MemoryMonitor::with_allocator(NONE, 1000.0, books.clone());
        books.set(30, 1000);
        monitor.monitor();
        books.set(70, 2000);
        books.set(50, 1500);
        let figures = monitor.stop();
        let some = |bytes| Some(Bytes(bytes));
        assert_eq!((figures.active, figures.active_peak), (some(50), some(70)));
        assert_eq!((figures.reserved, figures.reserved_peak), (some(1500), some(2000)));
        assert_eq!(
            (figures.free, figures.total, figures.min_free, figures.system_peak),
            (None, None, None, None)
        );
        assert!(monitor.poller.is_none(), "there is nothing to poll");
    }

    #[test]
    fn without_anybody_to_ask_nothing_is_known() {
        for rate in [8.0, 0.0, -1.0, f64::NAN, f64::INFINITY, 1e-300] {
            let mut monitor = MemoryMonitor::new(NONE, rate);
            monitor.monitor();
            assert_eq!(monitor.read(), MonitorFigures::default());
            assert_eq!(monitor.stop(), MonitorFigures::default());
        }
    }
}
