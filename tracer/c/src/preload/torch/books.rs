//! An allocator's own sums, beside ours.
//!
//! Each report comes with what the allocator has handed out and reserved in all. That goes into the log as counters, which
//! the analysis holds against what it adds up from the events. A sample beside each event would double the log, so what was
//! handed out is sampled where it differs from the sum of the blocks reported so far (up to a number of times in a row), once
//! more when both agree again, and otherwise with every 64th report: a report that is missing shows at the next one, an event that is lost between here and
//! the analysis at the next sample. `MEMTRACE_TORCH_TOTALS` is another number than 64. What was reserved changes rarely,
//! and is sampled when it does.

use std::{
    env, ptr,
    sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed},
    },
};

use memtrace_tracer::{
    Counter, Pool, Unit,
    well_known::{ALLOCATED_TOTAL, REQUESTED_TOTAL, RESERVED_TOTAL},
};

use super::device::{Device, PLACES};
use crate::preload::keeping_errno;

/// Where a device's events and sums are recorded.
pub(super) struct Books {
    pub(super) pool: Pool,
    allocated: Counter,
    reserved: Counter,
    /// The blocks reported so far, and what had been handed out before the first.
    sum: AtomicU64,
    reserved_before: AtomicU64,
    reports: AtomicU64,
    /// How many reports in a row have differed.
    differing: AtomicU64,
    /// How many reports go by from sample to sample.
    interval: u64,
    device: Device,
    /// It is said in the log that events do not tell what was asked for.
    untold: AtomicBool,
}

impl Books {
    /// Those of a device whose allocator had handed out `before` bytes before this report.
    pub(super) fn of(device: Device, before: u64) -> Option<&'static Self> {
        static BOOKS: [AtomicPtr<Books>; PLACES] = [const { AtomicPtr::new(ptr::null_mut()) }; PLACES];
        let place = &BOOKS[device.place()?];
        // SAFETY: null, or books, which are never given back.
        if let Some(books) = unsafe { place.load(Acquire).as_ref() } {
            return Some(books);
        }
        // Two threads may both open them; the first to store them wins. Nobody waits for another: in a forked child there is none.
        let opened = Box::into_raw(Box::new(Self::open(device, device.pool()?, before)));
        match place.compare_exchange(ptr::null_mut(), opened, AcqRel, Acquire) {
            // SAFETY: they stay there from now on.
            Ok(_) => Some(unsafe { &*opened }),
            Err(first) => {
                // SAFETY: nobody else has seen these; the first ones stay where they are.
                unsafe {
                    drop(Box::from_raw(opened));
                    Some(&*first)
                }
            }
        }
    }

    #[cold]
    fn open(device: Device, pool: Pool, before: u64) -> Self {
        let counter = |total: &str| Counter::define(&format!("{}{total}", device.name()), Unit::Bytes, None);
        Self {
            pool,
            allocated: counter(ALLOCATED_TOTAL),
            reserved: counter(RESERVED_TOTAL),
            sum: AtomicU64::new(before),
            reserved_before: AtomicU64::new(0),
            reports: AtomicU64::new(0),
            differing: AtomicU64::new(0),
            interval: interval(),
            device,
            untold: AtomicBool::new(false),
        }
    }

    /// A block was handed out for a request of unknown size: from now on no sum of requests is one.
    pub(super) fn leave_requests_open(&self) {
        if !self.untold.swap(true, Relaxed) {
            self.define_untold();
        }
    }

    #[cold]
    fn define_untold(&self) {
        keeping_errno(|| {
            Counter::define(&format!("{}{REQUESTED_TOTAL}", self.device.name()), Unit::Bytes, None);
        });
    }

    /// A block of `size` bytes has been recorded, negative if it was given back: what the allocator says of itself since.
    pub(super) fn compare(&self, size: i64, allocated: u64, reserved: u64) {
        let sum = self.sum.fetch_add(size as u64, Relaxed).wrapping_add(size as u64);
        let due = self.reports.fetch_add(1, Relaxed).is_multiple_of(self.interval);
        let differing = self.differing.load(Relaxed);
        let agrees = sum == allocated;
        if due || !agrees || differing > 0 {
            self.allocated.record(allocated);
            self.differing.store(if agrees { 0 } else { differing + 1 }, Relaxed);
        }
        // Threads whose first reports met leave a difference for good. The analysis knows of it by now; further samples
        // would double the log.
        if differing >= MOST_DIFFERING {
            self.sum.store(allocated, Relaxed);
        }
        if reserved != self.reserved_before.load(Relaxed) {
            self.reserved_before.store(reserved, Relaxed);
            self.reserved.record(reserved);
        }
    }
}

/// So many reports in a row differ before the sum is taken to be the allocator's from then on.
const MOST_DIFFERING: u64 = 1 << 12;

fn interval() -> u64 {
    const USUAL: u64 = 64;
    let set = env::var("MEMTRACE_TORCH_TOTALS").ok().and_then(|number| number.parse().ok());
    set.filter(|&number| number > 0).unwrap_or(USUAL)
}
