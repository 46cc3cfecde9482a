//! Records figures into a bounded number of bins while time goes on.

use super::{Extent, HeapTrack, pyramid::Bins};
use crate::{Nanos, Text};

/// The width of a bin at the start, as a power of two: about a microsecond.
const FIRST_SHIFT: u32 = 10;

/// So many figures over time, in the making. Its bins are all equally wide; when time runs past the last one, pairs are merged and the
/// width doubles.
#[derive(Clone, Debug)]
pub struct Recorder<const SERIES: usize> {
    capacity: usize,
    shift: u32,
    bins: Vec<[Extent; SERIES]>,
    now: [u64; SERIES],
    open: [Extent; SERIES],
    /// When the open bin ends.
    open_until: u64,
}

/// A heap's track in the making.
pub type TrackRecorder = Recorder<4>;

impl<const SERIES: usize> Recorder<SERIES> {
    /// `capacity` bins at most; at least two.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(2),
            shift: FIRST_SHIFT,
            bins: Vec::new(),
            now: [0; SERIES],
            open: [Extent::of(0); SERIES],
            open_until: 1 << FIRST_SHIFT,
        }
    }

    /// What the figures are until the first ones are recorded, if that is not 0.
    pub(crate) fn begin(&mut self, figures: [u64; SERIES]) {
        self.now = figures;
        self.open = figures.map(Extent::of);
    }

    /// The most bins it may have.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The figures (of a heap: in the order of [`Series::ALL`](super::Series::ALL)) from this instant on. Time does not go backwards.
    #[inline(always)]
    pub fn record(&mut self, time: Nanos, figures: [u64; SERIES]) {
        if time.0 >= self.open_until {
            self.advance(time);
        }
        self.now = figures;
        for (extent, value) in self.open.iter_mut().zip(figures) {
            extent.min.0 = extent.min.0.min(value);
            extent.max.0 = extent.max.0.max(value);
        }
    }

    /// Closes bins until `time` lies in the open one.
    #[cold]
    fn advance(&mut self, time: Nanos) {
        self.bins.push(self.open);
        let still = self.now.map(Extent::of);
        while time.0 >> self.shift >= self.capacity as u64 {
            self.halve(still);
        }
        let index = (time.0 >> self.shift) as usize;
        if self.bins.len() > index {
            // Halving put the bin of this instant among the closed ones: open it again.
            self.open = self.bins.pop().expect("it is longer than an index");
        } else {
            // What lies between the closed bins and this one saw no change.
            self.bins.resize(index, still);
            self.open = still;
        }
        let next = (time.0 >> self.shift) + 1;
        self.open_until = next.saturating_mul(1 << self.shift);
    }

    fn halve(&mut self, still: [Extent; SERIES]) {
        if self.bins.len() % 2 == 1 {
            self.bins.push(still);
        }
        let half = self.bins.len() / 2;
        for index in 0..half {
            let (left, right) = (self.bins[2 * index], self.bins[2 * index + 1]);
            self.bins[index] = std::array::from_fn(|series| left[series].join(right[series]));
        }
        self.bins.truncate(half);
        self.shift += 1;
    }

    /// What is recorded; the last figures hold until `end`.
    pub(crate) fn finish(mut self, end: Nanos) -> Bins<SERIES> {
        self.record(end, self.now);
        self.bins.push(self.open);
        Bins { bin: Nanos(1 << self.shift), end, extents: self.bins }
    }
}

impl TrackRecorder {
    /// The finished track of a heap.
    pub fn finish_heap(self, name: Text, segmented: bool, end: Nanos) -> HeapTrack {
        HeapTrack::new(name, segmented, self.finish(end))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::timeline::Series;

    #[test]
    fn a_jump_to_the_end_of_time_takes_few_bins() {
        let mut recorder = TrackRecorder::new(16);
        recorder.record(Nanos(5), [4, 3, 2, 1]);
        recorder.record(Nanos(u64::MAX), [8, 7, 6, 5]);
        let track = recorder.finish_heap(Text::new("h"), true, Nanos(u64::MAX));
        let all = track.extent(Series::Reserved, Nanos(0), Nanos(u64::MAX)).unwrap();
        assert_eq!((all.min.0, all.max.0), (0, 8));
    }

    proptest! {
        #[test]
        fn bins_hold_what_a_list_of_all_changes_holds(
            steps in prop::collection::vec((0u64..40_000, 0u64..100), 1..200),
            capacity in 2usize..40,
        ) {
            let mut recorder = TrackRecorder::new(capacity);
            let mut time = 0;
            let mut changes = vec![(0, 0)];
            for (wait, value) in steps {
                time += wait;
                recorder.record(Nanos(time), [value; 4]);
                changes.push((time, value));
            }
            let track = recorder.finish_heap(Text::new("h"), true, Nanos(time));
            let bin = track.resolution().0;
            prop_assert!(time / bin < capacity as u64);
            for index in 0..=time / bin {
                let (from, to) = (index * bin, (index + 1) * bin);
                let before = changes.iter().rev().find(|(at, _)| *at < from).map_or(0, |(_, value)| *value);
                let inside = changes.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, value)| *value);
                let values: Vec<u64> = inside.chain([before]).collect();
                let found = track.extent(Series::Active, Nanos(from), Nanos(to)).unwrap();
                prop_assert_eq!(found.min.0, *values.iter().min().unwrap());
                prop_assert_eq!(found.max.0, *values.iter().max().unwrap());
            }
        }
    }
}
