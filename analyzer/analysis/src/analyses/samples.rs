//! Marks and counters.

use hashbrown::HashMap;
use memtrace_format::{CounterId, CounterValue, NameId};

use crate::{Nanos, timeline::CounterRecorder};

/// The most marks that are kept one by one.
const KEPT: usize = 1 << 16;

/// Watches the marks.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    pub(crate) by_name: HashMap<NameId, MarkRecord>,
    /// The first ones, each with its value.
    pub(crate) instants: Vec<(Nanos, NameId, u64)>,
    pub(crate) left_out: u64,
}

/// The marks of one name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MarkRecord {
    pub(crate) count: u64,
    pub(crate) first: Nanos,
    pub(crate) last: Nanos,
}

impl Marks {
    pub(crate) fn set(&mut self, name: NameId, value: u64, time: Nanos) {
        let record = self.by_name.entry(name).or_insert(MarkRecord { count: 0, first: time, last: time });
        record.count += 1;
        record.last = time;
        if self.instants.len() < KEPT {
            self.instants.push((time, name, value));
        } else {
            self.left_out += 1;
        }
    }
}

/// Watches the counters.
#[derive(Debug, Default)]
pub(crate) struct Counters(pub(crate) HashMap<CounterId, CounterRecord>);

/// Counters beyond this many have no track.
const TRACKED: usize = 64;

/// The samples of one counter.
#[derive(Clone, Debug)]
pub(crate) struct CounterRecord {
    pub(crate) count: u64,
    pub(crate) min: CounterValue,
    pub(crate) max: CounterValue,
    pub(crate) last: CounterValue,
    /// When the last one was taken; none if that was before what is looked at began.
    pub(crate) at: Option<Nanos>,
    /// Its course, since what is looked at began.
    pub(crate) track: Option<CounterRecorder>,
}

impl Counters {
    /// A sample that is not a number says nothing.
    pub(crate) fn sample(&mut self, counter: CounterId, value: CounterValue, time: Nanos) {
        if matches!(value, CounterValue::Float(x) if !x.is_finite()) {
            return;
        }
        let tracked =
            self.0.len() < TRACKED || self.0.get(&counter).is_some_and(|record| record.track.is_some());
        let first = CounterRecord { count: 0, min: value, max: value, last: value, at: None, track: None };
        let record = self.0.entry(counter).or_insert(first);
        match &mut record.track {
            Some(track) => track.sample(time, value),
            None if tracked => record.track = Some(CounterRecorder::new(time, value)),
            None => {}
        }
        record.count += 1;
        record.last = value;
        record.at = Some(time);
        if less(value, record.min) {
            record.min = value;
        }
        if less(record.max, value) {
            record.max = value;
        }
    }

    /// Begins to count anew from `now` on. What a counter showed last it shows still.
    pub(crate) fn forget_the_past(&mut self, now: Nanos) {
        for record in self.0.values_mut() {
            (record.count, record.at) = (0, None);
            (record.min, record.max) = (record.last, record.last);
            record.track = record.track.take().map(|_| CounterRecorder::new(now, record.last));
        }
    }
}

fn less(a: CounterValue, b: CounterValue) -> bool {
    let float = |value| match value {
        CounterValue::Integer(n) => n as f64,
        CounterValue::Float(x) => x,
    };
    match (a, b) {
        (CounterValue::Integer(a), CounterValue::Integer(b)) => a < b,
        (a, b) => float(a) < float(b),
    }
}
