//! Ticks to nanoseconds since the trace's start.

use memtrace_format::{Calibration, ClockKind, Ticks};

use crate::Nanos;

/// The fixed point of [`Clock::rate`].
const FRACTION: u32 = 48;

/// Of all calibrations, one that is this far from where most of them put it is damaged (or was interrupted).
const TOLERANCE: f64 = 1e-3;

/// In nanoseconds: two readings of two clocks are at best some ten of them apart, which is much where the distance is short.
const NOISE: f64 = 1_000.0;

/// A line through the trace's start: nanoseconds as a function of ticks. It never goes backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    start: Ticks,
    /// Nanoseconds a tick, with [`FRACTION`] binary places.
    rate: u64,
}

impl Clock {
    /// Fits the line to what the log says of its clock. A time-stamp counter's rate is the least-squares slope through the
    /// start of those calibrations that agree with their median; a clock that counts nanoseconds needs none.
    pub(crate) fn fit(
        kind: ClockKind,
        start: Calibration,
        calibrations: impl IntoIterator<Item = Calibration>,
    ) -> Self {
        let one = 1u64 << FRACTION;
        let rate = match kind {
            ClockKind::Tsc => slope(start, calibrations).map_or(one, |slope| (slope * one as f64) as u64),
            ClockKind::Monotonic | ClockKind::Imported => one,
        };
        Self { start: start.ticks, rate: rate.max(1) }
    }

    /// The time since the trace's start; zero for ticks before it.
    #[inline(always)]
    pub(crate) fn nanos(&self, ticks: Ticks) -> Nanos {
        let since = u128::from(ticks.0.saturating_sub(self.start.0));
        let nanos = (since * u128::from(self.rate)) >> FRACTION;
        Nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The first ticks at which so much time has passed.
    pub(crate) fn ticks(&self, nanos: Nanos) -> Ticks {
        let since = (u128::from(nanos.0) << FRACTION).div_ceil(u128::from(self.rate));
        Ticks(u64::try_from(since).unwrap_or(u64::MAX).saturating_add(self.start.0))
    }

    /// These ticks on all clocks.
    pub(crate) fn calibration(&self, start: Calibration, ticks: Ticks) -> Calibration {
        let since = self.nanos(ticks).0;
        let (monotonic, realtime) = (start.monotonic_ns, start.realtime_ns);
        let (monotonic_ns, realtime_ns) = (monotonic.saturating_add(since), realtime.saturating_add(since));
        Calibration { ticks, monotonic_ns, realtime_ns }
    }

    /// A far point of the line: whoever fits one through the start and this gets the same line again. (A tick more than that is half a
    /// unit of the rate, so that no rounding matters.)
    pub(crate) fn far(&self, start: Calibration) -> Calibration {
        let ticks = Ticks(start.ticks.0.saturating_add(2 << FRACTION));
        let since = self.rate.saturating_mul(2).saturating_add(1);
        let monotonic_ns = start.monotonic_ns.saturating_add(since);
        Calibration { ticks, monotonic_ns, realtime_ns: start.realtime_ns.saturating_add(since) }
    }
}

fn slope(start: Calibration, calibrations: impl IntoIterator<Item = Calibration>) -> Option<f64> {
    let mut points: Vec<(f64, f64)> = calibrations
        .into_iter()
        .filter_map(|c| {
            let ticks = c.ticks.0.checked_sub(start.ticks.0).filter(|&ticks| ticks > 0)?;
            let nanos = c.monotonic_ns.checked_sub(start.monotonic_ns).filter(|&nanos| nanos > 0)?;
            Some((ticks as f64, nanos as f64))
        })
        .collect();
    // What is nearer than readings are exact says nothing of the slope.
    if points.iter().any(|(_, y)| *y > NOISE) {
        points.retain(|(_, y)| *y > NOISE);
    }
    let middle = points.len().checked_sub(1)? / 2;
    points.sort_unstable_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)).then(a.0.total_cmp(&b.0)));
    let median = points[middle].1 / points[middle].0;
    // Said again, a reading is the same one: a sum of many would be rounded.
    points.dedup();
    let agree = points.iter().filter(|(x, y)| (y - median * x).abs() <= NOISE + TOLERANCE * median * x);
    let (xy, xx) = agree.fold((0.0, 0.0), |(xy, xx), (x, y)| (xy + x * y, xx + x * x));
    Some(xy / xx).filter(|slope| slope.is_finite() && *slope < 65_536.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ticks: u64, monotonic_ns: u64) -> Calibration {
        Calibration { ticks: Ticks(ticks), monotonic_ns, realtime_ns: 0 }
    }

    #[test]
    fn a_counter_of_three_gigahertz_is_found_despite_noise_and_damage() {
        let start = at(1_000_000, 500);
        let mut calibrations: Vec<_> = (1..100u64)
            .map(|n| at(1_000_000 + n * 3_000_000_000, 500 + n * 1_000_000_000 + n % 7 * 20))
            .collect();
        calibrations.push(at(u64::MAX, 3));
        calibrations.push(at(2_000_000, u64::MAX));
        calibrations.push(at(0, 0));
        let clock = Clock::fit(ClockKind::Tsc, start, calibrations);
        assert_eq!(clock.nanos(Ticks(0)), Nanos(0));
        let after_a_minute = clock.nanos(Ticks(1_000_000 + 60 * 3_000_000_000)).0;
        assert!(after_a_minute.abs_diff(60_000_000_000) < 200, "{after_a_minute}");
    }

    #[test]
    fn a_far_point_makes_the_same_line_whatever_else_lies_on_it() {
        for (ticks, nanos) in [(3, 1), (2_999_999_997, 1_000_000_001), (24, 1000), (7, 3)] {
            let start = at(1 << 50, 1 << 40);
            let clock = Clock::fit(
                ClockKind::Tsc,
                start,
                [at((1 << 50) + ticks * 1_000_003, (1 << 40) + nanos * 1_000_003)],
            );
            for chunks in [1, 3, 1000] {
                for since in [0, 1, 1 << 20, 1 << 44] {
                    let end = clock.calibration(start, Ticks((1 << 50) + since));
                    let far = std::iter::repeat_n(clock.far(start), chunks);
                    assert_eq!(Clock::fit(ClockKind::Tsc, start, far.chain([end])), clock, "{since}");
                }
            }
            for since in [0, 1, 5, 1 << 30] {
                let ticks = clock.ticks(Nanos(since));
                assert!(clock.nanos(ticks) >= Nanos(since));
                assert!(ticks == start.ticks || clock.nanos(Ticks(ticks.0 - 1)) < Nanos(since));
            }
        }
    }

    #[test]
    fn clocks_of_nanoseconds_are_taken_as_they_are() {
        for kind in [ClockKind::Monotonic, ClockKind::Imported] {
            let clock = Clock::fit(kind, at(70, 9), [at(100, 1_000_000)]);
            assert_eq!(clock.nanos(Ticks(75)), Nanos(5));
            assert_eq!(clock.nanos(Ticks(u64::MAX)), Nanos(u64::MAX - 70));
        }
    }

    #[test]
    fn without_calibrations_a_tick_is_a_nanosecond() {
        let clock = Clock::fit(ClockKind::Tsc, at(10, 10), []);
        assert_eq!(clock.nanos(Ticks(30)), Nanos(20));
    }

    #[test]
    fn time_never_goes_backwards() {
        let clock = Clock::fit(ClockKind::Tsc, at(0, 0), [at(7, 3)]);
        let times: Vec<_> = (0..100).map(|ticks| clock.nanos(Ticks(ticks))).collect();
        assert!(times.is_sorted());
    }
}
