//! The trend of a series of levels.
//!
//! The slope is the median of the slopes between all pairs of points (Theil 1950, Sen 1968), so that a few odd cycles do
//! not move it, with Sen's interval around it. Whether there is a trend at all is the test of Mann and Kendall: its
//! exact distribution for few points, its normal approximation for many. Neither can tell a leak from a cache that fills,
//! or from a random walk; for that the last third is looked at by itself, and how many parts of the course rise.

use crate::report::{Shape, Trend};

/// A slope needs so many points.
const SLOPE: usize = 3;

/// So many points, and it can be said what the course comes to: three equal rises in a row are no accident.
const JUDGED: usize = 4;

/// One of so many cycles warms up: caches fill, pools are made.
const WARM_UP: usize = 5;

/// Beyond so many points the normal approximation is as good as the exact distribution.
const EXACT: usize = 24;

/// What few points can say at most, and what more must.
const SURE_OF_FEW: f64 = 0.95;
const SURE: f64 = 0.99;

/// The most parts that are looked at for whether they rise, and the share of them that must. Half of the parts of a
/// random walk do.
const PARTS: usize = 10;
const RISING: f64 = 0.8;

/// Where the last third rises by less than this share of what is usual, it has stopped.
const GOING_ON: f64 = 0.5;

/// So small a share of the whole is the same.
const SAME: f64 = 0.001;

/// Two-sided 95% of the normal distribution.
const Z: f64 = 1.959_964;

const FEW_FOR_RETAINED: &str = "it ended only once";
const FEW_FOR_SLOPE: &str = "it ended less than three times";

/// What `points` (which end, how much) come to.
pub fn trend(points: &[(u64, u64)]) -> Trend {
    let numbers: Vec<(f64, f64)> = points.iter().map(|&(end, level)| (end as f64, level as f64)).collect();
    let warm_up = points.len() / WARM_UP;
    let (all, warm) = (&numbers[..], &numbers[warm_up..]);
    let enough = warm.len() >= SLOPE;
    let slopes = if enough { slopes(warm) } else { Vec::new() };
    let slope = enough.then(|| median(&slopes));
    let interval = enough.then(|| interval(warm, &slopes));
    let confidence = enough.then(|| confidence(warm));
    let kept = match &points[warm_up..] {
        [(_, first), .., (_, last)] => difference(*first, *last),
        _ => 0,
    };
    let (first, last) = (points.get(warm_up), points.last());
    let cycles = first.zip(last).map_or(0, |(first, last)| last.0 - first.0);
    let retained = (cycles > 0).then(|| (kept as f64 / cycles as f64).round() as i64);
    let shape = match (slope, interval, confidence) {
        (Some(slope), Some((low, _)), Some(sure)) if warm.len() >= JUDGED => {
            shape(all, warm, slope, low, sure)
        }
        _ => Shape::TooFew,
    };
    Trend {
        shape,
        retained_bytes_per_cycle: retained,
        retained_bytes_per_cycle_why: retained.is_none().then_some(FEW_FOR_RETAINED),
        slope_bytes: slope,
        slope_bytes_why: slope.is_none().then_some(FEW_FOR_SLOPE),
        slope_low_bytes: interval.map(|(low, _)| low),
        slope_high_bytes: interval.map(|(_, high)| high),
        confidence,
        confidence_why: confidence.is_none().then_some(FEW_FOR_SLOPE),
        warm_up_cycles: first.map_or(0, |first| first.0 - 1),
        kept_bytes: kept,
    }
}

/// `last − first`.
pub(super) fn difference(first: u64, last: u64) -> i64 {
    let size = i64::try_from(first.abs_diff(last)).unwrap_or(i64::MAX);
    if last < first { -size } else { size }
}

fn shape(all: &[(f64, f64)], warm: &[(f64, f64)], slope: f64, low: f64, sure: f64) -> Shape {
    let enough = if warm.len() <= JUDGED { SURE_OF_FEW } else { SURE };
    let going_on = rise(&warm[warm.len() - 1 - (warm.len() / 3).max(1)..]);
    let top = all.iter().fold(0.0, |top: f64, point| top.max(point.1));
    let net = all[all.len() - 1].1 - all[0].1;
    if slope > 0.0 && low > 0.0 && sure >= enough && rising(warm) >= RISING && going_on >= GOING_ON * slope {
        Shape::Grows
    } else if net.abs() <= SAME * top && all.iter().all(|point| (point.1 - all[0].1).abs() <= SAME * top) {
        Shape::Flat
    } else if net > SAME * top && going_on < GOING_ON * rise(all) && fall(all) < net / 2.0 {
        Shape::Saturates
    } else if net < -SAME * top && slope < 0.0 {
        Shape::Shrinks
    } else {
        Shape::Unclear
    }
}

/// The slope from the first to the last point.
fn rise(points: &[(f64, f64)]) -> f64 {
    let (first, last) = (points[0], points[points.len() - 1]);
    (last.1 - first.1) / (last.0 - first.0).max(1.0)
}

/// The largest fall from one point to the next.
fn fall(points: &[(f64, f64)]) -> f64 {
    points.windows(2).map(|pair| pair[0].1 - pair[1].1).fold(0.0, f64::max)
}

/// The share of equal parts that end higher than they begin.
fn rising(points: &[(f64, f64)]) -> f64 {
    let steps = points.len() - 1;
    let parts = steps.min(PARTS);
    let at = |part: usize| points[part * steps / parts].1;
    let rising = (0..parts).filter(|&part| at(part + 1) > at(part)).count();
    rising as f64 / parts as f64
}

/// The slopes between all pairs, in order.
fn slopes(points: &[(f64, f64)]) -> Vec<f64> {
    let mut slopes = Vec::with_capacity(points.len() * (points.len() - 1) / 2);
    for (index, left) in points.iter().enumerate() {
        slopes.extend(points[index + 1..].iter().map(|right| (right.1 - left.1) / (right.0 - left.0)));
    }
    slopes.sort_unstable_by(f64::total_cmp);
    slopes
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// Sen's interval around the median slope.
fn interval(points: &[(f64, f64)], slopes: &[f64]) -> (f64, f64) {
    let half = Z * variance(points).sqrt();
    let pairs = slopes.len() as f64;
    let low = ((pairs - half) / 2.0).floor().max(0.0) as usize;
    let high = ((pairs + half) / 2.0).ceil() as usize;
    (slopes[low.min(slopes.len() - 1)], slopes[high.min(slopes.len() - 1)])
}

/// Rising pairs less falling pairs.
fn kendall(points: &[(f64, f64)]) -> i64 {
    let mut sum = 0;
    for (index, left) in points.iter().enumerate() {
        for right in &points[index + 1..] {
            sum += i64::from(right.1 > left.1) - i64::from(right.1 < left.1);
        }
    }
    sum
}

/// The variance of [`kendall`] over random orders, with equal levels taken into account.
fn variance(points: &[(f64, f64)]) -> f64 {
    let mut levels: Vec<f64> = points.iter().map(|point| point.1).collect();
    levels.sort_unstable_by(f64::total_cmp);
    let of = |n: usize| (n * (n - 1) * (2 * n + 5)) as f64;
    let ties: f64 = levels.chunk_by(|a, b| a == b).map(|equal| of(equal.len())).sum();
    (of(points.len()) - ties) / 18.0
}

/// One minus the probability that a random order rises as much. Equal levels make the exact figure too small, never too
/// large.
fn confidence(points: &[(f64, f64)]) -> f64 {
    let (n, sum) = (points.len(), kendall(points));
    if n <= EXACT {
        let pairs = (n * (n - 1) / 2) as i64;
        let falling = usize::try_from((pairs - sum) / 2).unwrap_or(0);
        return 1.0 - inversions(n).iter().take(falling + 1).sum::<f64>();
    }
    let variance = variance(points);
    if variance <= 0.0 {
        return 0.0;
    }
    // Discrete steps of two around a continuous curve.
    normal((sum - sum.signum()) as f64 / variance.sqrt())
}

/// The probability of each number of falling pairs in a random order of `n`.
fn inversions(n: usize) -> Vec<f64> {
    let mut probable = vec![1.0];
    for size in 2..=n {
        let mut next = vec![0.0; probable.len() + size - 1];
        for (falling, probability) in probable.iter().enumerate() {
            next[falling..falling + size].iter_mut().for_each(|sum| *sum += probability / size as f64);
        }
        probable = next;
    }
    probable
}

/// The normal distribution's sum up to `z` (Abramowitz and Stegun 7.1.26, good to 1.5e-7).
fn normal(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let series = ((((1.061_405_429 * t - 1.453_152_027) * t + 1.421_413_741) * t - 0.284_496_736) * t
        + 0.254_829_592)
        * t;
    let beyond = series * (-x * x).exp() / 2.0;
    if z < 0.0 { beyond } else { 1.0 - beyond }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(levels: &[u64]) -> Trend {
        trend(&levels.iter().enumerate().map(|(index, &level)| (index as u64 + 1, level)).collect::<Vec<_>>())
    }

    #[test]
    fn a_leak_is_told_from_a_cache_that_fills() {
        let leak: Vec<u64> = (0..10).map(|n| 1_000 + 50 * n).collect();
        let late: Vec<u64> = (0..12).map(|n| if n < 2 { 500 * n } else { 1_000 + 50 * n }).collect();
        let fills: Vec<u64> = (0..12).map(|n| 1_000 + 50 * n.min(7)).collect();
        let geometric: Vec<u64> = (0..12).map(|n| 10_000 - (10_000 >> n)).collect();
        let sawtooth: Vec<u64> = (0..24).map(|n| 1_000 + 100 * (n % 6)).collect();
        let cases: [(&[u64], Shape); 12] = [
            (&leak, Shape::Grows),
            (&late, Shape::Grows),
            (&[10, 20, 30, 40], Shape::Grows),
            (&fills, Shape::Saturates),
            (&geometric, Shape::Saturates),
            (&[1, 2, 3, 3, 3, 3], Shape::Saturates),
            (&[10, 30, 30, 30], Shape::Saturates),
            (&sawtooth, Shape::Unclear),
            (&[7; 9], Shape::Flat),
            (&[9, 8, 7, 6, 5, 4], Shape::Shrinks),
            (&[0, 500, 600], Shape::TooFew),
            (&[10], Shape::TooFew),
        ];
        for (levels, shape) in cases {
            assert_eq!(of(levels).shape, shape, "{levels:?}");
        }
    }

    #[test]
    fn figures_are_those_of_the_definitions() {
        let leak = of(&[100, 110, 120, 130]);
        assert_eq!((leak.retained_bytes_per_cycle, leak.slope_bytes), (Some(10), Some(10.0)));
        // One order of 24 rises all the way.
        assert!((leak.confidence.unwrap() - (1.0 - 1.0 / 24.0)).abs() < 1e-12);
        let warmed = of(&[0, 1_000, 1_010, 1_020, 1_030]);
        assert_eq!(
            (warmed.warm_up_cycles, warmed.retained_bytes_per_cycle, warmed.kept_bytes),
            (1, Some(10), 30)
        );
        let two = of(&[5, 3]);
        assert_eq!((two.retained_bytes_per_cycle, two.slope_bytes, two.confidence), (Some(-2), None, None));
        assert!(of(&[5]).retained_bytes_per_cycle.is_none());
        assert!((normal(1.959_964) - 0.975).abs() < 1e-6 && (normal(-1.0) - 0.158_655).abs() < 1e-6);
    }

    #[test]
    fn the_exact_and_the_approximate_test_agree_where_they_meet() {
        let points = |n: usize| -> Vec<(f64, f64)> {
            (0..n).map(|i| (i as f64, ((i * 7 + i * i) % 31) as f64 + i as f64)).collect()
        };
        let (exact, approximate) = (confidence(&points(EXACT)), confidence(&points(EXACT + 1)));
        assert!((exact - approximate).abs() < 0.05, "{exact} {approximate}");
    }

    proptest! {
        #[test]
        fn the_exact_test_counts_orders(levels in prop::collection::vec(0u64..1_000, 3..7)) {
            let points: Vec<(f64, f64)> = levels.iter().enumerate().map(|(i, &y)| (i as f64, y as f64)).collect();
            let mut orders = vec![vec![]];
            for n in 0..points.len() {
                orders = orders.into_iter().flat_map(|order: Vec<usize>| {
                    (0..=n).map(move |at| { let mut next = order.clone(); next.insert(at, n); next })
                }).collect();
            }
            let sum = |order: &[usize]| kendall(&order.iter().map(|&y| (0.0, y as f64)).collect::<Vec<_>>());
            let as_much = orders.iter().filter(|order| sum(order) >= kendall(&points)).count();
            let naive = 1.0 - as_much as f64 / orders.len() as f64;
            let ties = levels.iter().collect::<std::collections::BTreeSet<_>>().len() < levels.len();
            let found = confidence(&points);
            prop_assert!(if ties { found <= naive + 1e-9 } else { (found - naive).abs() < 1e-9 }, "{found} {naive}");
        }

        /// Whatever a random walk does, it is seldom called a leak; and levels that come in any order never are.
        #[test]
        fn nothing_overflows_and_shuffled_levels_do_not_grow(
            mut levels in prop::collection::vec(any::<u64>(), 0..40),
        ) {
            of(&levels);
            levels.sort_unstable();
            levels.reverse();
            prop_assert_ne!(of(&levels).shape, Shape::Grows);
        }
    }

    #[test]
    fn few_random_walks_are_called_leaks() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let walks = 2_000;
        let mut called = 0;
        for _ in 0..walks {
            let mut level = 1_000_000_i64;
            let levels: Vec<u64> = (0..40)
                .map(|_| {
                    level += (random() % 2_001) as i64 - 1_000;
                    level as u64
                })
                .collect();
            called += u64::from(of(&levels).shape == Shape::Grows);
        }
        assert!(called * 25 < walks, "{called} of {walks}");
    }
}
