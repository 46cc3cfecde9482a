//! Time since the trace's start.

use std::{cell::Cell, fmt, str::FromStr};

use serde::Serialize;
use thiserror::Error;

use crate::table::grouped;

thread_local! {
    /// Whether what is shown now is of a recording without times.
    static POSITIONS: Cell<bool> = const { Cell::new(false) };
}

/// Nanoseconds: an instant since the trace's start, or a duration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
#[repr(transparent)]
pub struct Nanos(pub u64);

impl Nanos {
    /// The time from `earlier` to this instant; zero if it is not earlier.
    pub fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }

    /// Both durations together.
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// Shows every [`Nanos`] while `show` runs as what it is in a recording without times, if that is so: a position among its events,
/// or a number of them. A time comes into words in a hundred places, and each would have to be told.
pub fn as_positions<T>(are_positions: bool, show: impl FnOnce() -> T) -> T {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            POSITIONS.set(self.0);
        }
    }
    let _before = Before(POSITIONS.replace(are_positions));
    show()
}

/// Whether positions are shown now, for who writes instants in another way.
pub fn are_positions() -> bool {
    POSITIONS.get()
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.0 as f64;
        let text = match self.0 {
            1 if POSITIONS.get() => "1 event".to_owned(),
            events if POSITIONS.get() => format!("{} events", grouped(events)),
            0..1_000 => format!("{} ns", self.0),
            1_000..1_000_000 => format!("{:.1} µs", ns / 1e3),
            1_000_000..1_000_000_000 => format!("{:.1} ms", ns / 1e6),
            _ => format!("{:.3} s", ns / 1e9),
        };
        f.pad(&text)
    }
}

/// A text that is no time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no time; expected seconds, or a number with its unit, such as 1.5s, 200ms, 30us or 2min")]
pub struct TimeError(String);

impl FromStr for Nanos {
    type Err = TimeError;

    /// Reads a decimal number of `ns`, `us` (`µs`), `ms`, `s` or `min`; of seconds where no unit is given. What is finer
    /// than a nanosecond is cut off.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        parse(text.trim()).map(Self).ok_or_else(|| TimeError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<u64> {
    let (number, unit) =
        text.split_at(text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len()));
    let scale: u64 = match unit.trim_start() {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "" | "s" => 1_000_000_000,
        "min" => 60_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u64>().ok() };
    // More digits than these tell nothing apart, and their power of ten stays far below the end of a u128.
    let fraction = fraction.get(..fraction.len().min(18))?;
    let power = 10_u128.pow(fraction.len() as u32);
    let part = u128::from(digits(fraction)?) * u128::from(scale) / power;
    digits(whole)?.checked_mul(scale)?.checked_add(u64::try_from(part).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_unit_and_exactly() {
        let cases = [
            ("1.5s", 1_500_000_000),
            ("200ms", 200_000_000),
            ("2", 2_000_000_000),
            (" 0.1 ", 100_000_000),
            (".5 ms", 500_000),
            ("7.", 7_000_000_000),
            ("3us", 3_000),
            ("3.25µs", 3_250),
            ("12ns", 12),
            ("1.9ns", 1),
            ("1.5min", 90_000_000_000),
            ("0.0000000019999999999999999999999", 1),
            ("18446744073.709551615", u64::MAX),
        ];
        for (text, nanos) in cases {
            assert_eq!(text.parse(), Ok(Nanos(nanos)), "{text}");
        }
        for text in [
            "",
            ".",
            "s",
            "1.2.3s",
            "-1",
            "1e3",
            "5 hours",
            "1,5s",
            "18446744073.709551616",
            "99999999999999s",
        ] {
            assert!(text.parse::<Nanos>().is_err(), "{text}");
        }
    }

    #[test]
    fn without_times_positions_are_shown_and_only_meanwhile() {
        let shown = |time: u64| Nanos(time).to_string();
        assert_eq!(
            as_positions(true, || (shown(1), shown(4_496))),
            ("1 event".to_owned(), "4,496 events".to_owned())
        );
        assert_eq!(as_positions(true, || as_positions(false, || shown(7))), "7 ns");
        assert_eq!(shown(7), "7 ns");
    }

    #[test]
    fn durations_read_in_the_unit_that_fits() {
        assert_eq!(Nanos(999).to_string(), "999 ns");
        assert_eq!(Nanos(1_500).to_string(), "1.5 µs");
        assert_eq!(Nanos(2_500_000).to_string(), "2.5 ms");
        assert_eq!(Nanos(61_000_000_000).to_string(), "61.000 s");
    }
}
