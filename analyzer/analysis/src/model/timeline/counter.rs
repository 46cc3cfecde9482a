//! Sampled values over time.

use memtrace_format::{Bytes, CounterValue};

use super::{Extent, Pyramid, Recorder};
use crate::{Nanos, Text};

/// The most bins of a counter.
const BINS: usize = 2048;
/// Fractions are kept in thousandths.
const PARTS: f64 = 1000.0;

/// A sampled figure over time. Between two samples it is what the earlier one was.
#[derive(Clone, Debug)]
pub struct CounterTrack {
    /// Its name.
    pub name: Text,
    /// The ordinal of the device it is about; none for counters of the process or the machine.
    pub device: Option<u32>,
    /// Its unit, as the report has it.
    pub unit: &'static str,
    first: Nanos,
    fractions: bool,
    values: Pyramid,
}

impl CounterTrack {
    /// The extremes between two instants. `None`: nothing was sampled before the end of it.
    pub fn extent(&self, from: Nanos, to: Nanos) -> Option<(f64, f64)> {
        if to.max(Nanos(from.0.saturating_add(1))) <= self.first {
            return None;
        }
        let Extent { min: Bytes(min), max: Bytes(max) } =
            self.values.extent(from.max(self.first), to.max(self.first))?;
        let scale = if self.fractions { PARTS } else { 1.0 };
        Some((min as f64 / scale, max as f64 / scale))
    }

    /// The extremes at an instant, as closely as is told apart.
    pub fn at(&self, time: Nanos) -> Option<(f64, f64)> {
        self.extent(time, time)
    }
}

/// A counter's track in the making.
#[derive(Clone, Debug)]
pub struct CounterRecorder {
    first: Nanos,
    fractions: bool,
    values: Recorder<1>,
}

impl CounterRecorder {
    /// Begins with the first sample.
    pub fn new(time: Nanos, value: CounterValue) -> Self {
        let fractions = matches!(value, CounterValue::Float(_));
        let mut values = Recorder::new(BINS);
        // Before the first sample nothing is known, and the bin that it is in must not say 0.
        values.begin([amount(value, fractions)]);
        let mut recorder = Self { first: time, fractions, values };
        recorder.sample(time, value);
        recorder
    }

    /// A sample.
    pub fn sample(&mut self, time: Nanos, value: CounterValue) {
        self.values.record(time, [amount(value, self.fractions)]);
    }

    /// The finished track.
    pub fn finish(self, name: Text, device: Option<u32>, unit: &'static str, end: Nanos) -> CounterTrack {
        let Self { first, fractions, values } = self;
        CounterTrack { name, device, unit, first, fractions, values: values.finish(end).pyramid(0) }
    }
}

/// What is less than nothing is nothing: no unit has it.
fn amount(value: CounterValue, fractions: bool) -> u64 {
    match value {
        CounterValue::Integer(value) if fractions => value.saturating_mul(PARTS as u64),
        CounterValue::Integer(value) => value,
        CounterValue::Float(value) if fractions => (value * PARTS) as u64,
        CounterValue::Float(value) => value as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_what_its_last_sample_was_and_nothing_before_the_first() {
        let float = CounterValue::Float;
        let mut recorder = CounterRecorder::new(Nanos(5_000_000), float(1.5));
        recorder.sample(Nanos(7_000_000), float(0.25));
        recorder.sample(Nanos(7_000_000), float(-3.0));
        recorder.sample(Nanos(8_000_000), CounterValue::Integer(2));
        let track = recorder.finish(Text::new("c"), None, "percent", Nanos(10_000_000));
        assert_eq!(track.extent(Nanos(0), Nanos(4_000_000)), None);
        assert_eq!(track.at(Nanos(5_000_000)), Some((1.5, 1.5)));
        assert_eq!(track.at(Nanos(6_500_000)), Some((1.5, 1.5)));
        assert_eq!(track.extent(Nanos(0), Nanos(10_000_000)), Some((0.0, 2.0)));
        assert_eq!(track.at(Nanos(9_900_000)), Some((2.0, 2.0)));
        assert_eq!(track.at(Nanos(11_000_000)), None);
    }
}
