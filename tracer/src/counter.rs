//! Counters: named values sampled over time.

use memtrace_format::{CounterDefinition, CounterId, CounterValue, Definition, Event, Unit};

use crate::{cursor, definitions::cut, heap::Device, session};

/// A named value, sampled.
///
/// ```
/// use memtrace_tracer::{Counter, Unit};
///
/// let free = Counter::define("driver free", Unit::Bytes, None);
/// free.record(3 << 30);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter(pub(crate) CounterId);

impl Counter {
    /// Names a counter of values in `unit`, about `device` if it is about one.
    pub fn define(name: &str, unit: Unit, device: Option<Device>) -> Self {
        Self::defined(Self::describe(name, unit, device))
    }

    pub(crate) fn describe(name: &str, unit: Unit, device: Option<Device>) -> CounterDefinition {
        CounterDefinition {
            name: cut(name).to_owned(),
            unit: unit as u8,
            device: device.map_or(0, |device| device.0.0),
        }
    }

    pub(crate) fn defined(definition: CounterDefinition) -> Self {
        Self(session::define(|id| Definition::Counter(id, definition)).unwrap_or(CounterId::NONE))
    }

    /// Its value now.
    #[inline]
    pub fn record(self, value: u64) {
        self.sample(CounterValue::Integer(value));
    }

    /// Its value now, where it is not a whole number.
    #[inline]
    pub fn record_float(self, value: f64) {
        self.sample(CounterValue::Float(value));
    }

    #[inline(always)]
    pub(crate) fn sample(self, value: CounterValue) {
        cursor::record(|| Event::CounterSample { counter: self.0, value });
    }
}
