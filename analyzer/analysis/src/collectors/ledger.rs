//! The memory of a device by its users: samples give the whole, events give our part.
//!
//! Samples are rare and events are exact, so that each is taken at its own instant: what the heaps held when a sample was made
//! is kept with it, and at any time between two samples what the heaps have taken since is taken from what was free.

use crate::{
    Nanos,
    model::{Balance, Free, FreeSource, Held, OwnProcess, Sampled},
    replay::{Level, ReplayHeap},
};

/// The most samples of a device that a chart gets; the first devices get more of them.
const FINE: usize = 8;
const FINE_POINTS: usize = 4096;
const COARSE_POINTS: usize = 128;

/// The most heaps of one device that are added up at a sample.
const HEAPS: usize = 64;

/// How long it takes at most until each source was read for the first time.
const FIRST_ROUND: Nanos = Nanos(1_000_000_000);

/// Watches the memory of one device.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// The heaps of its memory, by their numbers in the replay.
    heaps: Vec<usize>,
    /// Whether there are more of them than are added up.
    too_many_heaps: bool,
    /// All memory, as the definition of the device has it, until somebody samples it.
    pub(crate) defined_total: Option<u64>,
    total: Option<u64>,
    free: Option<(Free, Option<u64>)>,
    nvml_used: Option<u64>,
    pool_used: Option<u64>,
    pool_inactive: Option<Sampled>,
    own: Option<OwnProcess>,
    others: Option<Sampled>,
    /// How often the list of processes was read.
    pub(crate) process_samples: u64,
    /// The first balance of which everything is known that the driver says.
    pub(crate) begin: Option<Balance>,
    /// The sample with the most in use.
    pub(crate) peak: Option<Balance>,
    /// The sample with the least free.
    pub(crate) least_free: Option<Balance>,
    /// When the heaps reserved the most.
    pub(crate) allocator_peak: Option<Balance>,
    pub(crate) course: Course,
}

impl Ledger {
    /// Of the device number `ordinal` in the order in which devices are met.
    pub(crate) fn new(ordinal: usize) -> Self {
        Self {
            heaps: Vec::new(),
            too_many_heaps: false,
            defined_total: None,
            total: None,
            free: None,
            nvml_used: None,
            pool_used: None,
            pool_inactive: None,
            own: None,
            others: None,
            process_samples: 0,
            begin: None,
            peak: None,
            least_free: None,
            allocator_peak: None,
            course: Course::new(if ordinal <= FINE { FINE_POINTS } else { COARSE_POINTS }),
        }
    }

    /// A heap of its memory.
    pub(crate) fn add_heap(&mut self, index: usize) {
        if self.heaps.len() < HEAPS {
            self.heaps.push(index);
        } else {
            self.too_many_heaps = true;
        }
    }

    /// What the heaps hold; none if there are too many. Those in which nothing has happened yet hold nothing.
    pub(crate) fn held(&self, heaps: &[ReplayHeap]) -> Option<Held> {
        if self.too_many_heaps {
            return None;
        }
        let mut held = Held::default();
        for heap in self.heaps.iter().filter_map(|&index| heaps.get(index)) {
            let level = Level::of(&heap.state);
            let segmented = heap.state.segmented;
            held.active = held.active.saturating_add(level.active);
            held.reserved =
                held.reserved.saturating_add(if segmented { level.reserved } else { level.active });
            held.without_segments |= !segmented;
        }
        Some(held)
    }

    /// Somebody said what is free.
    pub(crate) fn sample_free(&mut self, bytes: u64, source: FreeSource, now: Nanos, heaps: &[ReplayHeap]) {
        // NVML is the second choice: what it calls used is not quite what the driver cannot allocate.
        let from_driver = |free: &(Free, _)| free.0.source != FreeSource::Nvml;
        if source == FreeSource::Nvml && self.free.as_ref().is_some_and(from_driver) {
            return;
        }
        let held = self.held(heaps).map(|held| held.reserved);
        self.free = Some((Free { bytes, source, sampled: now, moved: false }, held));
        if let (FreeSource::Nvml, Some(used)) = (source, self.nvml_used) {
            self.total = Some(bytes.saturating_add(used));
        }
        self.look(now, heaps);
    }

    /// The driver said how much there is in all.
    pub(crate) fn sample_total(&mut self, bytes: u64, now: Nanos, heaps: &[ReplayHeap]) {
        let first = self.begin.is_none();
        self.total = Some(bytes);
        if first {
            self.look(now, heaps);
        }
    }

    /// NVML said what is in use; what is free follows.
    pub(crate) fn sample_used(&mut self, bytes: u64) {
        self.nvml_used = Some(bytes);
    }

    /// The driver said what its pool has handed out; what it holds follows.
    pub(crate) fn sample_pool_used(&mut self, bytes: u64) {
        self.pool_used = Some(bytes);
    }

    pub(crate) fn sample_pool_reserved(&mut self, bytes: u64, now: Nanos) {
        let inactive = self.pool_used.map(|used| bytes.saturating_sub(used));
        self.pool_inactive = inactive.map(|bytes| Sampled { bytes, time: now });
    }

    /// The list of processes has this one; what others have follows.
    pub(crate) fn sample_own(&mut self, bytes: u64, now: Nanos, heaps: &[ReplayHeap]) {
        let held = self.held(heaps).map(|held| held.reserved);
        self.own = Some(OwnProcess { bytes, time: now, held });
        self.process_samples += 1;
    }

    pub(crate) fn sample_others(&mut self, bytes: u64, now: Nanos) {
        self.others = Some(Sampled { bytes, time: now });
        // The sources are read one after the other, so that at the first sample of all this is only about to be known.
        if let Some(begin) = &mut self.begin
            && begin.others.is_none()
            && now.since(begin.time) < FIRST_ROUND
        {
            (begin.own, begin.others) = (self.own, self.others);
        }
    }

    /// Segments have changed.
    pub(crate) fn resegmented(&mut self, now: Nanos, heaps: &[ReplayHeap]) {
        let most = self.allocator_peak.and_then(|peak| peak.held).map_or(0, |held| held.reserved);
        if self.held(heaps).is_some_and(|held| held.reserved > most) {
            self.allocator_peak = Some(self.balance(now, heaps, None));
        }
    }

    /// What is known at this instant; `told` is what the engine says is free.
    pub(crate) fn balance(&self, now: Nanos, heaps: &[ReplayHeap], told: Option<u64>) -> Balance {
        let held = self.held(heaps);
        let engine = |bytes| Free { bytes, source: FreeSource::Engine, sampled: now, moved: false };
        let sampled = || self.free.map(|(free, then)| self.moved(free, then, held.map(|held| held.reserved)));
        Balance {
            time: now,
            held,
            total: self.total.or(self.defined_total),
            free: told.map(engine).or_else(sampled),
            own: self.own,
            others: self.others,
            pool_inactive: self.pool_inactive,
        }
    }

    /// Begins to count anew: the latest words hold.
    pub(crate) fn reset_at(&mut self, now: Nanos, heaps: &[ReplayHeap]) {
        self.course = Course::new(self.course.capacity);
        self.process_samples = 0;
        let begin = self.balance(now, heaps, None);
        let sampled = Some(begin).filter(|_| self.total.is_some() && self.free.is_some());
        self.begin = sampled;
        self.peak = sampled;
        self.least_free = sampled;
        self.allocator_peak = Some(begin).filter(|begin| begin.held.is_some_and(|held| held.reserved > 0));
        if let Some(begin) = sampled {
            self.course.add(begin);
        }
    }

    /// What heaps have taken since the sample is not free any more.
    fn moved(&self, free: Free, then: Option<u64>, now: Option<u64>) -> Free {
        match then.zip(now) {
            Some((then, now)) if then != now => {
                let bytes = i128::from(free.bytes) + i128::from(then) - i128::from(now);
                let most = self.total.unwrap_or(u64::MAX);
                let bytes = u64::try_from(bytes.clamp(0, i128::from(most))).unwrap_or(most);
                Free { bytes, moved: true, ..free }
            }
            _ => free,
        }
    }

    /// A sample was made; it is complete once what is free and what there is in all were both said.
    fn look(&mut self, now: Nanos, heaps: &[ReplayHeap]) {
        if self.total.is_none() || self.free.is_none() {
            return;
        }
        let balance = self.balance(now, heaps, None);
        self.begin.get_or_insert(balance);
        if self.peak.is_none_or(|peak| balance.used() > peak.used()) {
            self.peak = Some(balance);
        }
        if self.least_free.is_none_or(|least| balance.least_free_first(&least).is_lt()) {
            self.least_free = Some(balance);
        }
        self.course.add(balance);
    }
}

/// The samples of a run, at most as many as a chart can show: of each stretch of time the one with the most in use, so
/// that no spike is lost.
#[derive(Debug)]
pub(crate) struct Course {
    capacity: usize,
    pub(crate) points: Vec<Balance>,
    /// How many samples a point stands for.
    stride: u64,
    /// How many the last point stands for.
    last: u64,
}

impl Course {
    fn new(capacity: usize) -> Self {
        Self { capacity, points: Vec::new(), stride: 1, last: 1 }
    }

    fn add(&mut self, balance: Balance) {
        if self.last == self.stride && self.points.len() >= self.capacity {
            let unpaired = self.points.len() % 2 == 1;
            let pairs = self.points.chunks(2);
            self.points = pairs.filter_map(|pair| pair.iter().copied().reduce(fuller)).collect();
            self.last = if unpaired { self.stride } else { 2 * self.stride };
            self.stride *= 2;
        }
        match self.points.last_mut().filter(|_| self.last < self.stride) {
            Some(last) => {
                *last = fuller(*last, balance);
                self.last += 1;
            }
            None => {
                self.points.push(balance);
                self.last = 1;
            }
        }
    }
}

fn fuller(a: Balance, b: Balance) -> Balance {
    if b.used() > a.used() { b } else { a }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn balance(time: u64, used: u64) -> Balance {
        let free = Free { bytes: 100 - used, source: FreeSource::Driver, sampled: Nanos(time), moved: false };
        let (held, own, others) = (None, None, None);
        Balance {
            time: Nanos(time),
            held,
            total: Some(100),
            free: Some(free),
            own,
            others,
            pool_inactive: None,
        }
    }

    proptest! {
        #[test]
        fn a_course_is_bounded_and_keeps_every_stretch_s_peak(
            used in prop::collection::vec(0u64..=100, 1..600),
            capacity in 2usize..20,
        ) {
            let mut course = Course::new(capacity);
            for (time, &used) in used.iter().enumerate() {
                course.add(balance(time as u64, used));
            }
            prop_assert!(course.points.len() <= capacity);
            prop_assert!(course.points.is_sorted_by(|a, b| a.time < b.time));
            let points: Vec<_> = course.points.iter().map(|point| point.used().unwrap()).collect();
            let stretch = usize::try_from(course.stride).unwrap();
            let expected: Vec<_> = used.chunks(stretch).map(|part| *part.iter().max().unwrap()).collect();
            prop_assert_eq!(points, expected);
        }
    }
}
