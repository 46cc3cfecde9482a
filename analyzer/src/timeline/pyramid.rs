//! Extremes over any range of time, at any zoom, without losing a spike.

use memtrace_format::Bytes;

use crate::{Nanos, Text};

/// A figure of a heap over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Series {
    /// The segments.
    Reserved,
    /// Allocated, and freed but still used by a stream.
    Active,
    /// Blocks handed out.
    Allocated,
    /// What the program asked for.
    Requested,
}

impl Series {
    /// Every series, from the largest figure to the smallest.
    pub const ALL: [Self; 4] = [Self::Reserved, Self::Active, Self::Allocated, Self::Requested];

    /// The name on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Active => "active",
            Self::Allocated => "allocated",
            Self::Requested => "requested",
        }
    }
}

/// The smallest and the largest value in a range of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The smallest.
    pub min: Bytes,
    /// The largest.
    pub max: Bytes,
}

impl Extent {
    pub(crate) const fn of(value: u64) -> Self {
        Self { min: Bytes(value), max: Bytes(value) }
    }

    pub(crate) fn join(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }
}

/// The figures of one heap over time.
#[derive(Clone, Debug)]
pub struct HeapTrack {
    name: Text,
    segmented: bool,
    bin: Nanos,
    end: Nanos,
    /// Per series, levels of extents: the first has one a bin, each other one one for two of the level before.
    levels: [Vec<Vec<Extent>>; 4],
}

impl HeapTrack {
    pub(super) fn new(
        name: Text,
        segmented: bool,
        bin: Nanos,
        end: Nanos,
        bins: impl Iterator<Item = [Extent; 4]> + Clone,
    ) -> Self {
        let levels = std::array::from_fn(|series| {
            let mut levels = vec![bins.clone().map(|extents| extents[series]).collect::<Vec<_>>()];
            while let Some(last) = levels.last().filter(|level| level.len() > 1) {
                let next = last.chunks(2).map(|pair| pair.iter().copied().reduce(Extent::join));
                let next = next.map(|extent| extent.expect("chunks are not empty")).collect();
                levels.push(next);
            }
            levels
        });
        Self { name, segmented, bin, end, levels }
    }

    /// The heap's name.
    pub fn name(&self) -> &Text {
        &self.name
    }

    /// Whether the heap has segments; without, its [`Series::Reserved`] means nothing.
    pub fn has_segments(&self) -> bool {
        self.segmented
    }

    /// The shortest time that the track tells apart.
    pub fn resolution(&self) -> Nanos {
        self.bin
    }

    /// The extremes between two instants (the later one excluded, the bin of the earlier one always included).
    /// `None`: the range begins behind the trace's end.
    pub fn extent(&self, series: Series, from: Nanos, to: Nanos) -> Option<Extent> {
        let levels = &self.levels[series as usize];
        let bins = levels.first().map_or(0, Vec::len);
        if from > self.end || bins == 0 {
            return None;
        }
        let index = |time: Nanos| usize::try_from(time.0 / self.bin.0).unwrap_or(usize::MAX);
        let first = index(from).min(bins - 1);
        let last = index(Nanos(to.0.saturating_sub(1))).clamp(first, bins - 1);
        Some(join_range(levels, first, last))
    }

    /// The extremes at an instant, as closely as the track tells it.
    pub fn at(&self, series: Series, time: Nanos) -> Option<Extent> {
        self.extent(series, time, time)
    }

    /// The extremes in each of `columns` equal parts of a range. `None` in a column: it lies behind the trace's end.
    pub fn draw(&self, series: Series, from: Nanos, to: Nanos, columns: usize) -> Vec<Option<Extent>> {
        let width = u128::from(to.since(from).0);
        let border = |column: usize| {
            let offset = width * column as u128 / columns.max(1) as u128;
            Nanos(from.0.saturating_add(u64::try_from(offset).unwrap_or(u64::MAX)))
        };
        (0..columns).map(|column| self.extent(series, border(column), border(column + 1))).collect()
    }
}

/// The extremes of bins `first..=last`, from as few nodes as cover them.
fn join_range(levels: &[Vec<Extent>], mut first: usize, mut last: usize) -> Extent {
    let mut joined = levels[0][first].join(levels[0][last]);
    for level in levels {
        if first > last {
            break;
        }
        if first % 2 == 1 {
            joined = joined.join(level[first]);
            first += 1;
        }
        if last.is_multiple_of(2) {
            joined = joined.join(level[last]);
            let Some(before) = last.checked_sub(1) else { break };
            last = before;
        }
        if first > last {
            break;
        }
        first /= 2;
        last /= 2;
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_has_the_extremes_of_its_bins() {
        for count in [1, 2, 3, 7, 8, 33] {
            let values: Vec<u64> = (0..count).map(|n| (n * 7919 + 13) % 101).collect();
            let bins = values.iter().map(|&value| [Extent::of(value); 4]);
            let track = HeapTrack::new(Text::new("h"), true, Nanos(10), Nanos(count * 10), bins);
            for first in 0..values.len() {
                for last in first..values.len() {
                    let part = &values[first..=last];
                    let expected = Extent {
                        min: Bytes(*part.iter().min().unwrap()),
                        max: Bytes(*part.iter().max().unwrap()),
                    };
                    let found =
                        track.extent(Series::Active, Nanos(first as u64 * 10), Nanos((last as u64 + 1) * 10));
                    assert_eq!(found, Some(expected), "{first}..={last} of {count}");
                }
            }
        }
    }

    #[test]
    fn a_spike_is_seen_at_every_zoom() {
        let bins = (0..1000u64).map(|n| [Extent::of(if n == 617 { 99 } else { 1 }); 4]);
        let track = HeapTrack::new(Text::new("h"), true, Nanos(1), Nanos(1000), bins);
        for columns in [1, 3, 80, 999, 4000] {
            let drawn = track.draw(Series::Reserved, Nanos(0), Nanos(1000), columns);
            assert_eq!(drawn.len(), columns);
            assert!(drawn.iter().flatten().any(|extent| extent.max == Bytes(99)), "{columns} columns");
        }
        assert_eq!(track.extent(Series::Reserved, Nanos(2000), Nanos(3000)), None);
    }
}
