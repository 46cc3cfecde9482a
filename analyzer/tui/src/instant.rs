//! Instants written as finely as the columns of a chart tell them apart.

use memtrace_analysis::{Nanos, are_positions, grouped};

/// The units of an instant, the largest first, in nanoseconds.
const UNITS: [(u64, &str); 4] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"), (1, "ns")];

/// An instant with as many decimals as it takes to tell two apart that lie `step` apart.
pub(crate) fn instant(time: Nanos, step: Nanos) -> String {
    let largest = time.0.max(step.0);
    let (unit, name) = UNITS.into_iter().find(|(unit, _)| largest >= *unit).unwrap_or((1, "ns"));
    in_unit(time, step, unit, name)
}

/// Like [`instant`], in the unit that fits the last instant of an axis, so that all its labels have the same.
pub(crate) fn on_axis(time: Nanos, step: Nanos, last: Nanos) -> String {
    let (unit, name) = UNITS.into_iter().find(|(unit, _)| last.0 >= *unit).unwrap_or((1, "ns"));
    in_unit(time, step, unit, name)
}

fn in_unit(time: Nanos, step: Nanos, unit: u64, name: &str) -> String {
    if are_positions() {
        return grouped(time.0);
    }
    let mut decimals = 0;
    let mut grain = unit;
    while grain > step.0.max(1) && grain > 1 {
        grain /= 10;
        decimals += 1;
    }
    // To the nearest grain, like every other figure: a peak at 749.9999 ms reads 750 ms.
    let grains = time.0 / grain + u64::from(time.0 % grain >= grain.div_ceil(2).max(1));
    let (whole, rest) = (grains / (unit / grain), grains % (unit / grain));
    if decimals == 0 {
        return format!("{whole} {name}");
    }
    format!("{whole}.{rest:0decimals$} {name}")
}

#[cfg(test)]
mod tests {
    use memtrace_analysis::as_positions;

    use super::*;

    #[test]
    fn without_times_instants_are_positions() {
        let shown = || (instant(Nanos(4_488), Nanos(100)), on_axis(Nanos(4_488), Nanos(1), Nanos(5_000)));
        assert_eq!(as_positions(true, shown), ("4,488".to_owned(), "4,488".to_owned()));
    }

    #[test]
    fn instants_have_the_decimals_that_tell_them_apart() {
        assert_eq!(instant(Nanos(3_210_456_789), Nanos(1_000_000)), "3.210 s");
        assert_eq!(instant(Nanos(3_210_456_789), Nanos(1_000)), "3.210457 s");
        assert_eq!(instant(Nanos(3_210_456_789), Nanos(2_000_000_000)), "3 s");
        assert_eq!(instant(Nanos(456_789), Nanos(10)), "456.79 µs");
        assert_eq!(instant(Nanos(0), Nanos(0)), "0 ns");
        assert_eq!(on_axis(Nanos(0), Nanos(500_000_000), Nanos(5_000_000_000)), "0.0 s");
        assert_eq!(on_axis(Nanos(u64::MAX), Nanos(1), Nanos(u64::MAX)), "18446744073.709551615 s");
    }
}
