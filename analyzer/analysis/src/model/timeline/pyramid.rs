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

    fn plus(self, other: Self) -> Self {
        let plus = |a: Bytes, b: Bytes| Bytes(a.0.saturating_add(b.0));
        Self { min: plus(self.min, other.min), max: plus(self.max, other.max) }
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
    requests: bool,
    series: [Pyramid; 4],
}

impl HeapTrack {
    pub(super) fn new(name: Text, segmented: bool, bins: Bins<4>) -> Self {
        Self { name, segmented, requests: true, series: std::array::from_fn(|series| bins.pyramid(series)) }
    }

    /// The heap's name.
    pub fn name(&self) -> &Text {
        &self.name
    }

    /// Whether the heap has segments; without, its [`Series::Reserved`] means nothing.
    pub fn has_segments(&self) -> bool {
        self.segmented
    }

    /// Whether this figure of the heap is known.
    pub fn has(&self, series: Series) -> bool {
        match series {
            Series::Reserved => self.segmented,
            Series::Requested => self.requests,
            Series::Active | Series::Allocated => true,
        }
    }

    /// The same track of a heap whose events do not tell what was asked for.
    pub(crate) fn without_requests(self) -> Self {
        Self { requests: false, ..self }
    }

    /// The shortest time that the track tells apart.
    pub fn resolution(&self) -> Nanos {
        self.series[0].bin
    }

    /// The extremes between two instants, as [`Pyramid::extent`] has them.
    pub fn extent(&self, series: Series, from: Nanos, to: Nanos) -> Option<Extent> {
        self.series[series as usize].extent(from, to)
    }

    /// The extremes at an instant, as closely as the track tells it.
    pub fn at(&self, series: Series, time: Nanos) -> Option<Extent> {
        self.series[series as usize].at(time)
    }

    /// The extremes in each of `columns` equal parts of a range, as [`Pyramid::draw`] has them.
    pub fn draw(&self, series: Series, from: Nanos, to: Nanos, columns: usize) -> Vec<Option<Extent>> {
        self.series[series as usize].draw(from, to, columns)
    }
}

/// What a recorder had recorded at its end: the extremes of so many figures in each of some bins.
#[derive(Clone, Debug)]
pub(crate) struct Bins<const SERIES: usize> {
    pub(super) bin: Nanos,
    pub(super) end: Nanos,
    pub(super) extents: Vec<[Extent; SERIES]>,
}

impl<const SERIES: usize> Bins<SERIES> {
    /// One of the figures over time.
    pub(crate) fn pyramid(&self, series: usize) -> Pyramid {
        Pyramid::new(self.bin, self.end, self.extents.iter().map(|extents| extents[series]).collect())
    }
}

/// A figure over time.
#[derive(Clone, Debug)]
pub struct Pyramid {
    bin: Nanos,
    end: Nanos,
    /// The first level has an extent a bin, each other one one for two of the level before.
    levels: Vec<Vec<Extent>>,
}

impl Pyramid {
    fn new(bin: Nanos, end: Nanos, bins: Vec<Extent>) -> Self {
        let mut levels = vec![bins];
        while let Some(last) = levels.last().filter(|level| level.len() > 1) {
            let next = last.chunks(2).map(|pair| pair.iter().copied().reduce(Extent::join));
            let next = next.map(|extent| extent.expect("chunks are not empty")).collect();
            levels.push(next);
        }
        Self { bin, end, levels }
    }

    /// Several figures together: in each bin the sums of their extremes, which the extremes of their sum lie between. `None`:
    /// there are none.
    pub(crate) fn sum<'a>(figures: impl Iterator<Item = &'a Self>, end: Nanos) -> Option<Self> {
        let figures: Vec<&Self> = figures.collect();
        let bin = figures.iter().map(|one| one.bin).max()?;
        let count = usize::try_from(end.0 / bin.0).unwrap_or(usize::MAX).saturating_add(1);
        let count = count.min(figures.iter().map(|one| one.levels[0].len()).max()?);
        let at = |index: usize| Nanos((index as u64).saturating_mul(bin.0));
        let sum = |index| {
            let extents = figures.iter().filter_map(|one| one.extent(at(index), at(index + 1)));
            extents.reduce(Extent::plus).unwrap_or(Extent::of(0))
        };
        Some(Self::new(bin, end, (0..count).map(sum).collect()))
    }

    /// The extremes between two instants (the later one excluded, the bin of the earlier one always included).
    /// `None`: the range begins behind the trace's end.
    pub fn extent(&self, from: Nanos, to: Nanos) -> Option<Extent> {
        let bins = self.levels.first().map_or(0, Vec::len);
        if from > self.end || bins == 0 {
            return None;
        }
        let index = |time: Nanos| usize::try_from(time.0 / self.bin.0).unwrap_or(usize::MAX);
        let first = index(from).min(bins - 1);
        let last = index(Nanos(to.0.saturating_sub(1))).clamp(first, bins - 1);
        Some(join_range(&self.levels, first, last))
    }

    /// The extremes at an instant, as closely as is told apart.
    pub fn at(&self, time: Nanos) -> Option<Extent> {
        self.extent(time, time)
    }

    /// The extremes in each of `columns` equal parts of a range. `None` in a column: it lies behind the trace's end.
    pub fn draw(&self, from: Nanos, to: Nanos, columns: usize) -> Vec<Option<Extent>> {
        let width = u128::from(to.since(from).0);
        let border = |column: usize| {
            let offset = width * column as u128 / columns.max(1) as u128;
            Nanos(from.0.saturating_add(u64::try_from(offset).unwrap_or(u64::MAX)))
        };
        (0..columns).map(|column| self.extent(border(column), border(column + 1))).collect()
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
            let extents = values.iter().map(|&value| [Extent::of(value); 4]).collect();
            let bins = Bins { bin: Nanos(10), end: Nanos(count * 10), extents };
            let track = HeapTrack::new(Text::new("h"), true, bins);
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
        let extents = (0..1000u64).map(|n| [Extent::of(if n == 617 { 99 } else { 1 }); 4]).collect();
        let track = HeapTrack::new(Text::new("h"), true, Bins { bin: Nanos(1), end: Nanos(1000), extents });
        for columns in [1, 3, 80, 999, 4000] {
            let drawn = track.draw(Series::Reserved, Nanos(0), Nanos(1000), columns);
            assert_eq!(drawn.len(), columns);
            assert!(drawn.iter().flatten().any(|extent| extent.max == Bytes(99)), "{columns} columns");
        }
        assert_eq!(track.extent(Series::Reserved, Nanos(2000), Nanos(3000)), None);
    }
}
