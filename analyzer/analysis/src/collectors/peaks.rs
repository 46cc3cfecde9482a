//! The distinct peaks of a heap, in one pass.
//!
//! Every block that is handed out makes some maximum; few of them are of interest. Here two peaks are distinct if between
//! them a twentieth of the lower one was gone. One pass finds the longest sequence of such peaks and the valleys between: while the
//! heap fills, the highest sum so far may yet be a peak; it is one as soon as a twentieth of it is gone. From then on the
//! lowest sum counts, until the heap stands so much above it that it lies a twentieth below: the next climb has begun. The
//! highest of these peaks is the peak of the heap, and of equal ones the first comes first.

use crate::{
    Nanos,
    replay::{HeapState, Level},
};

/// The most distinct peaks that are kept, the highest.
const KEPT: usize = 8;

/// The share of the lower one of two peaks that must be gone between them.
const VALLEY: u64 = 20;

/// A distinct peak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PeakRecord {
    pub(crate) time: Nanos,
    /// The heap's event that made it.
    pub(crate) event: u64,
    pub(crate) level: Level,
    /// The sum that peaks are taken on.
    measured: u64,
    /// The least that was live between the peak before it and this one.
    pub(crate) valley: u64,
}

/// Watches for distinct peaks.
#[derive(Clone, Debug)]
pub(crate) struct PeaksWatch {
    /// The highest peaks so far, the highest first.
    records: Vec<PeakRecord>,
    total: u64,
    /// While the heap fills: what may yet be the next peak.
    climb: Option<PeakRecord>,
    /// The lowest sum since the latest peak.
    valley: u64,
    /// What is above this, or below that, is news.
    above: u64,
    below: u64,
}

impl PeaksWatch {
    /// A heap is empty before its first event, which happens at `time`.
    pub(crate) fn new(time: Nanos) -> Self {
        let nothing = PeakRecord { time, ..PeakRecord::default() };
        Self { records: Vec::new(), total: 0, climb: Some(nothing), valley: 0, above: 0, below: 0 }
    }

    /// A heap is as full as it is at `time`, and the last event that made it so has the number `event`.
    pub(crate) fn at(time: Nanos, event: u64, heap: &HeapState) -> Self {
        let measured = heap.measured();
        let mut watch = Self { valley: measured, ..Self::new(time) };
        watch.top(PeakRecord { time, event, level: Level::of(heap), measured, valley: measured });
        watch
    }

    /// The heap has changed.
    #[inline(always)]
    pub(crate) fn follow(&mut self, time: Nanos, event: u64, heap: &HeapState) {
        let measured = heap.measured();
        if measured > self.above || measured < self.below {
            self.turn(time, event, heap, measured);
        }
    }

    /// The highest distinct peaks, the highest first, and how many there were.
    pub(crate) fn finish(&mut self) -> (&[PeakRecord], u64) {
        if let Some(last) = self.climb.take() {
            self.add(last);
        }
        (&self.records, self.total)
    }

    fn turn(&mut self, time: Nanos, event: u64, heap: &HeapState, measured: u64) {
        match self.climb {
            Some(climb) if measured < self.below => {
                self.climb = None;
                self.add(climb);
                self.bottom(measured);
            }
            None if measured < self.below => self.bottom(measured),
            _ => self.top(PeakRecord { time, event, level: Level::of(heap), measured, valley: self.valley }),
        }
    }

    /// This may be the next peak: only a higher one, or a twentieth less, is news now.
    fn top(&mut self, record: PeakRecord) {
        self.climb = Some(record);
        self.above = record.measured;
        self.below = highest_valley(record.measured).map_or(0, |valley| valley + 1);
    }

    /// This is the lowest since a peak: only a lower one, or so much more that it lies a twentieth below, is news now.
    fn bottom(&mut self, measured: u64) {
        self.valley = measured;
        self.below = measured;
        self.above = lowest_peak(measured) - 1;
    }

    fn add(&mut self, record: PeakRecord) {
        if record.measured == 0 {
            return;
        }
        self.total += 1;
        let at = self.records.partition_point(|other| other.measured >= record.measured);
        if at < KEPT {
            self.records.truncate(KEPT - 1);
            self.records.insert(at, record);
        }
    }
}

/// The highest sum at which a twentieth of a peak is gone.
fn highest_valley(peak: u64) -> Option<u64> {
    peak.checked_sub((peak / VALLEY).max(1))
}

/// The lowest sum of which a twentieth is gone at `valley`: the least to whose [`highest_valley`] that is not too high.
fn lowest_peak(valley: u64) -> u64 {
    let Some(below) = valley.checked_sub(1) else { return 1 };
    let least = u128::from(below) * u128::from(VALLEY) / u128::from(VALLEY - 1) + 1;
    u64::try_from(least).unwrap_or(u64::MAX).max(valley.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use memtrace_format::{Address, BlockAlloc, BlockFree, Bytes, ModuleId, PoolId, StackId};
    use proptest::prelude::*;

    use super::*;
    use crate::replay::OwnerId;

    #[test]
    fn a_lowest_peak_is_the_least_whose_valley_lies_so_low() {
        for valley in (0..5_000).chain([u64::MAX / 20, u64::MAX / 19]) {
            let peak = lowest_peak(valley);
            assert!(highest_valley(peak) >= Some(valley), "{valley}");
            assert!(highest_valley(peak - 1).is_none_or(|highest| highest < valley), "{valley}");
        }
    }

    /// A heap that holds so much after each event.
    fn watch(levels: &[u64]) -> PeaksWatch {
        let mut heap = HeapState::default();
        let owner = OwnerId::default();
        let mut watch = PeaksWatch::new(Nanos(0));
        for (event, &level) in (0..).zip(levels) {
            // One block of that size, in place of the one before.
            heap.free(&BlockFree { pool: PoolId(1), address: Address(64), size: Bytes(0) });
            let block = BlockAlloc {
                pool: PoolId(1),
                address: Address(64),
                size: Bytes(level),
                requested: Bytes(level),
                module: ModuleId::NONE,
                stack: StackId::NONE,
            };
            heap.alloc(&block, owner, Nanos(event), event);
            watch.follow(Nanos(event), event, &heap);
        }
        watch
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn peaks_are_as_many_as_can_be_and_the_highest_is_the_highest_of_all(
            levels in prop::collection::vec(prop_oneof![0u64..40, 90u64..110, 0u64..2_000], 1..60),
        ) {
            let mut watch = watch(&levels);
            let (records, total) = watch.finish();
            let records = records.to_vec();
            let highest = levels.iter().copied().max().unwrap_or(0);
            prop_assert_eq!(records.first().map_or(0, |record| record.measured), highest);
            if highest > 0 {
                let first = levels.iter().position(|&level| level == highest);
                prop_assert_eq!(first, Some(records[0].event as usize));
            }
            prop_assert!(records.windows(2).all(|two| two[0].measured >= two[1].measured));
            // Any two are parted by a valley that is low enough for the lower one.
            let mut in_time = records.clone();
            in_time.sort_unstable_by_key(|record| record.event);
            for two in in_time.windows(2) {
                let between = &levels[two[0].event as usize..=two[1].event as usize];
                let lower = two[0].measured.min(two[1].measured);
                prop_assert!(highest_valley(lower) >= between.iter().copied().min());
                prop_assert!(two[1].valley >= *between.iter().min().unwrap());
            }
            // The longest sequence of instants of which each two neighbours are parted so.
            let mut longest = vec![0u64; levels.len()];
            for (to, &level) in levels.iter().enumerate() {
                longest[to] = u64::from(level > 0);
                for from in 0..to {
                    let lower = level.min(levels[from]);
                    let valley = levels[from..=to].iter().copied().min();
                    if lower > 0 && highest_valley(lower) >= valley {
                        longest[to] = longest[to].max(longest[from] + 1);
                    }
                }
            }
            prop_assert_eq!(total, longest.into_iter().max().unwrap_or(0));
            prop_assert_eq!(records.len() as u64, total.min(KEPT as u64));
        }
    }
}
