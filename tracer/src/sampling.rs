//! Settings of sampling: the sources and their rates.

use std::time::Duration;

use memtrace_format::SampleSource;

/// The most often that anything is sampled, per second.
const MOST: f64 = 1000.0;

/// The most seldom, per second: about every twelve days.
const LEAST: f64 = 1e-6;

/// How often each source is sampled.
///
/// ```
/// use memtrace_tracer::{SampleSource, Sampling};
///
/// let sampling = Sampling::default().with(SampleSource::Driver, 20.0).with(SampleSource::Nvml, 0.0);
/// assert_eq!(sampling.rate(SampleSource::Driver), 20.0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sampling {
    plans: Vec<Plan>,
}

/// When a source is sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) source: SampleSource,
    /// The time between two samples; `None`: never.
    pub(crate) period: Option<Duration>,
    /// It was asked for by name: then its absence is worth a line on stderr.
    pub(crate) asked_for: bool,
}

impl Default for Sampling {
    /// What a program notices nothing of: each source at the rate of [`default_rate`].
    fn default() -> Self {
        let plan =
            |&source| Plan { source, period: period(default_rate(source)).flatten(), asked_for: false };
        Self { plans: SampleSource::ALL.iter().map(plan).collect() }
    }
}

/// How often a source is sampled unless it is said, per second.
///
/// NVML's calls take locks that the whole driver shares: listing processes takes milliseconds and measuring PCIe traffic
/// tens of them, so they are rare or off. The kernel walks a process's pages for its proportional share.
const fn default_rate(source: SampleSource) -> f64 {
    match source {
        SampleSource::Driver => 10.0,
        SampleSource::Nvml | SampleSource::Host => 4.0,
        SampleSource::Utilization | SampleSource::Pressure => 1.0,
        SampleSource::Processes | SampleSource::Pss => 0.1,
        _ => 0.0,
    }
}

impl Sampling {
    /// Nothing is sampled.
    pub fn off() -> Self {
        Self { plans: Vec::new() }
    }

    /// This, with `source` sampled so many times a second: 0 for never, else from 1e-6 to 1000, and above that 1000. What is
    /// no such rate changes nothing.
    #[must_use]
    pub fn with(mut self, source: SampleSource, per_second: f64) -> Self {
        if let Some(period) = period(if per_second > MOST { MOST } else { per_second }) {
            let plan = Plan { source, period, asked_for: true };
            match self.plans.iter_mut().find(|other| other.source == source) {
                Some(other) => *other = plan,
                None => self.plans.push(plan),
            }
        }
        self
    }

    /// How many times a second `source` is sampled.
    pub fn rate(&self, source: SampleSource) -> f64 {
        let plan = self.plans.iter().find(|plan| plan.source == source);
        plan.and_then(|plan| plan.period).map_or(0.0, |period| 1.0 / period.as_secs_f64())
    }

    /// Reads `off`, or `SOURCE=RATE` separated by commas, where RATE is per second; what is not named keeps its default. What
    /// cannot be read is returned, and changes nothing.
    pub(crate) fn parse(text: &str) -> (Self, Vec<&str>) {
        if text.trim() == "off" {
            return (Self::off(), Vec::new());
        }
        let mut sampling = Self::default();
        let mut malformed = Vec::new();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            match parse_item(item) {
                Some((source, rate)) => sampling = sampling.with(source, rate),
                None => malformed.push(item),
            }
        }
        (sampling, malformed)
    }

    /// What is sampled at all.
    pub(crate) fn plans(&self) -> impl Iterator<Item = Plan> {
        self.plans.iter().copied().filter(|plan| plan.period.is_some())
    }
}

fn parse_item(item: &str) -> Option<(SampleSource, f64)> {
    let (source, rate) = item.split_once('=')?;
    let rate: f64 = rate.trim().parse().ok()?;
    (rate <= MOST && period(rate).is_some()).then_some((SampleSource::named(source.trim())?, rate))
}

/// The time between two of so many a second, `None` for never; nothing at all if that is no rate.
fn period(per_second: f64) -> Option<Option<Duration>> {
    if per_second == 0.0 {
        return Some(None);
    }
    (per_second >= LEAST).then(|| Some(Duration::from_secs_f64(1.0 / per_second)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_keeps_its_default() {
        let (sampling, malformed) = Sampling::parse("driver=20, pcie=0.5,host=0");
        assert!(malformed.is_empty());
        for &source in SampleSource::ALL {
            let expected = match source {
                SampleSource::Driver => 20.0,
                SampleSource::Pcie => 0.5,
                SampleSource::Host => 0.0,
                other => default_rate(other),
            };
            assert_eq!(sampling.rate(source), expected, "{source:?}");
        }
        assert_eq!(Sampling::parse(""), (Sampling::default(), Vec::new()));
        assert_eq!(Sampling::parse("off").0.plans().count(), 0);
        let default = Sampling::default();
        for no_rate in [f64::NAN, -1.0, 1e-7] {
            assert_eq!(default.clone().with(SampleSource::Driver, no_rate), default);
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_and_changes_nothing() {
        let text = "nvlm=4,driver,driver=fast,host=-1,nvml=1001,pss=nan,pressure=1e-7,off,utilization=2";
        let (sampling, malformed) = Sampling::parse(text);
        assert_eq!(malformed, text.split(',').take(8).collect::<Vec<_>>());
        assert_eq!(sampling, Sampling::default().with(SampleSource::Utilization, 2.0));
    }

    #[test]
    fn the_rates_are_those_of_the_document() {
        let document = include_str!("../../docs/samples.md");
        for &source in SampleSource::ALL {
            let row = format!("| `{}` | {} |", source.name(), default_rate(source));
            assert!(document.contains(&row), "docs/samples.md does not say: {row}");
        }
    }
}
