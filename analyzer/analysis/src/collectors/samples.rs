//! Marks and counters.

use hashbrown::HashMap;
use memtrace_format::{CounterId, CounterValue, NameId};

use super::collector::{Collector, Context};
use crate::{Nanos, model::EventContext, source::Log, timeline::CounterRecorder};

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

impl<'a> Collector<'a> for Marks {
    fn new(_log: &'a Log) -> Self {
        Self::default()
    }

    fn mark(&mut self, context: &mut Context<'_, 'a>, name: NameId, value: u64) {
        self.set(name, value, context.now.time);
    }

    fn heap_mark(&mut self, now: EventContext, name: NameId, value: u64) {
        self.set(name, value, now.time);
    }

    fn reset_at(&mut self, _context: &mut Context<'_, 'a>) {
        *self = Self::default();
    }
}

impl Marks {
    fn set(&mut self, name: NameId, value: u64, time: Nanos) {
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

impl<'a> Collector<'a> for Counters {
    fn new(_log: &'a Log) -> Self {
        Self::default()
    }

    /// A sample that is not a number says nothing.
    fn sample(&mut self, context: &mut Context<'_, 'a>, counter: CounterId, value: CounterValue) {
        let time = context.now.time;
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

    /// What a counter showed last it shows still.
    fn reset_at(&mut self, context: &mut Context<'_, 'a>) {
        let now = context.now.time;
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
