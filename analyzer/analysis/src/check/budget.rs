//! Budgets: the limits that a run is checked against.

use std::{collections::BTreeMap, fmt, str::FromStr};

use memtrace_format::Bytes;
use serde::{Deserialize, Deserializer, de::Error as _};
use thiserror::Error;

use crate::Nanos;

/// Limits; what has none is not checked. In TOML:
///
/// ```
/// let budget: memtrace_analysis::check::Budget = r#"
///     max-swap-time = "5%"          # of the run, or a time: "200ms"
///     max-failed-requests = 0
///     no-fail-findings = true
///
///     [devices]                     # each device's heap
///     max-peak = "8GiB"
///
///     [cycles.switch]               # one cycle, by name
///     max-growth = "16KiB"
///
///     [heaps.host]                  # one heap, by name
///     max-left = "64MiB"
/// "#
/// .parse()?;
/// assert_eq!(budget.max_failed_requests, Some(0));
/// # Ok::<(), memtrace_analysis::check::BudgetError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Budget {
    /// The time of all swaps.
    #[serde(deserialize_with = "parsed")]
    pub max_swap_time: Option<TimeLimit>,
    /// The time that forwards wait for their weights.
    #[serde(deserialize_with = "parsed")]
    pub max_stall_time: Option<TimeLimit>,
    /// Requests that may fail.
    pub max_failed_requests: Option<u64>,
    /// No finding may fail.
    pub no_fail_findings: bool,
    /// What anything that repeats may leave behind in a heap each time.
    #[serde(deserialize_with = "parsed")]
    pub max_growth: Option<GrowthLimit>,
    /// Limits of single cycles, by their names.
    pub cycles: BTreeMap<String, CycleBudget>,
    /// Limits of each device's heap.
    pub devices: HeapBudget,
    /// Limits of single heaps, by their names.
    pub heaps: BTreeMap<String, HeapBudget>,
}

/// Limits of one heap.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct HeapBudget {
    /// The most allocated bytes.
    #[serde(deserialize_with = "parsed")]
    pub max_peak: Option<Bytes>,
    /// The most reserved bytes.
    #[serde(deserialize_with = "parsed")]
    pub max_reserved: Option<Bytes>,
    /// What may be left allocated at the end.
    #[serde(deserialize_with = "parsed")]
    pub max_left: Option<Bytes>,
}

/// Limits of one cycle.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct CycleBudget {
    /// What it may leave behind in a heap each time.
    #[serde(deserialize_with = "parsed")]
    pub max_growth: Option<Bytes>,
}

/// What may be left behind each time something repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrowthLimit {
    /// How much.
    pub bytes: Bytes,
    /// What repeats; none: whatever does.
    pub cycle: Option<String>,
}

/// What is no limit of growth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected bytes a cycle, such as 1MiB/cycle, or of one cycle by name, such as 64KiB/switch")]
pub struct ParseGrowthLimitError;

/// The longest that something may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TimeLimit {
    /// A share of the run; 0.05 is five in a hundred.
    Share(f64),
    /// A time.
    Time(Nanos),
}

/// A budget that cannot be used: where in it, and why.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{0}")]
pub struct BudgetError(String);

/// What is no limit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected a share of the run or a time, such as 5%, 200ms or 1.5s")]
pub struct ParseTimeLimitError;

impl Budget {
    /// Whether nothing has a limit.
    pub fn is_empty(&self) -> bool {
        *self == Self { heaps: self.heaps.clone(), ..Self::default() }
            && self.heaps.values().all(|heap| *heap == HeapBudget::default())
    }
}

impl FromStr for Budget {
    type Err = BudgetError;

    fn from_str(text: &str) -> Result<Self, BudgetError> {
        toml::from_str(text).map_err(|error| BudgetError(error.to_string().trim_end().to_owned()))
    }
}

impl FromStr for GrowthLimit {
    type Err = ParseGrowthLimitError;

    fn from_str(text: &str) -> Result<Self, ParseGrowthLimitError> {
        let (bytes, cycle) = text.split_once('/').unwrap_or((text, "cycle"));
        let bytes = bytes.trim().parse().map_err(|_| ParseGrowthLimitError)?;
        match cycle.trim() {
            "" => Err(ParseGrowthLimitError),
            "cycle" => Ok(Self { bytes, cycle: None }),
            name => Ok(Self { bytes, cycle: Some(name.to_owned()) }),
        }
    }
}

impl Budget {
    /// Adds a limit: of its cycle, or of all.
    pub fn limit_growth(&mut self, limit: GrowthLimit) {
        match limit.cycle {
            Some(name) => self.cycles.entry(name).or_default().max_growth = Some(limit.bytes),
            None => self.max_growth = Some(limit),
        }
    }
}

impl FromStr for TimeLimit {
    type Err = ParseTimeLimitError;

    fn from_str(text: &str) -> Result<Self, ParseTimeLimitError> {
        let text = text.trim();
        let (number, unit) =
            text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()));
        let number: f64 = number.parse().map_err(|_| ParseTimeLimitError)?;
        let time = |unit: f64| Self::Time(Nanos((number * unit) as u64));
        match unit.trim() {
            "%" => Ok(Self::Share(number / 100.0)),
            "s" => Ok(time(1e9)),
            "ms" => Ok(time(1e6)),
            "us" | "µs" => Ok(time(1e3)),
            "ns" => Ok(time(1.0)),
            _ => Err(ParseTimeLimitError),
        }
    }
}

impl fmt::Display for TimeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share) => write!(f, "{}%", share * 100.0),
            Self::Time(time) => write!(f, "{time}"),
        }
    }
}

/// A limit that is written as text.
fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err: fmt::Display>>(from: D) -> Result<Option<T>, D::Error> {
    String::deserialize(from)?.parse().map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_time_are_shares_or_times() {
        for (text, limit) in [
            ("5%", TimeLimit::Share(0.05)),
            ("1.5 s", TimeLimit::Time(Nanos(1_500_000_000))),
            ("20us", TimeLimit::Time(Nanos(20_000))),
        ] {
            assert_eq!(text.parse(), Ok(limit));
        }
        for text in ["", "5", "%", "-1s", "1.2.3s", "5 parsecs"] {
            assert_eq!(text.parse::<TimeLimit>(), Err(ParseTimeLimitError), "{text}");
        }
    }

    #[test]
    fn limits_of_growth_are_of_one_cycle_or_of_any() {
        let limit = |text: &str| text.parse::<GrowthLimit>();
        assert_eq!(limit("1MiB/cycle"), Ok(GrowthLimit { bytes: Bytes(1 << 20), cycle: None }));
        assert_eq!(limit("1MiB"), limit("1 MiB / cycle"));
        assert_eq!(limit("0B/switch"), Ok(GrowthLimit { bytes: Bytes(0), cycle: Some("switch".to_owned()) }));
        for text in ["", "lots/cycle", "1MiB/", "/cycle"] {
            assert_eq!(limit(text), Err(ParseGrowthLimitError), "{text}");
        }
        let budget: Budget = "[cycles.switch]\nmax-growth = \"16KiB\"".parse().unwrap();
        assert_eq!(budget.cycles["switch"].max_growth, Some(Bytes(16 << 10)));
        assert!(!budget.is_empty());
    }

    #[test]
    fn a_budget_that_means_nothing_says_where() {
        for (text, where_) in [
            ("[devices]\nmax-peek = \"8GiB\"", "max-peek"),
            ("[devices]\nmax-peak = \"lots\"", "expected a number of bytes"),
            ("[devices]\nmax-peak = 5", "string"),
            ("[heaps.host]\nmax-swap-time = \"5%\"", "max-swap-time"),
            ("max-swap-time =", "line 1"),
        ] {
            let error = text.parse::<Budget>().unwrap_err().to_string();
            assert!(error.contains(where_), "{error}");
        }
        assert!("[heaps.host]".parse::<Budget>().unwrap().is_empty());
        assert!(!"max-failed-requests = 0".parse::<Budget>().unwrap().is_empty());
        assert!(!"no-fail-findings = true".parse::<Budget>().unwrap().is_empty());
        assert!("no-fail-findings = false".parse::<Budget>().unwrap().is_empty());
    }
}
