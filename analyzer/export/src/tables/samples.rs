//! The table of samples.

use std::io;

use memtrace_analysis::walk::{Seen, Visitor};
use memtrace_analysis::{Nanos, Text, Trace, replay::Replay};
use memtrace_format::{DeviceId, Event};

use super::{Cell, Kind, Rows, events::measured};

pub(super) const COLUMNS: [(&str, Kind); 5] = [
    ("time_ns", Kind::Number),
    ("counter", Kind::Text),
    ("device", Kind::Number),
    ("unit", Kind::Text),
    ("value", Kind::Value),
];

/// Writes a row for each sample.
pub(super) struct Samples<'a, R: Rows> {
    trace: &'a Trace,
    rows: R,
}

impl<'a, R: Rows> Samples<'a, R> {
    pub(super) fn new(trace: &'a Trace, rows: R) -> Self {
        Self { trace, rows }
    }
}

impl<R: Rows> Visitor for Samples<'_, R> {
    fn begin(&mut self, _replay: &Replay<'_>, _from: Nanos) -> io::Result<()> {
        self.rows.begin()
    }

    fn event(&mut self, _replay: &Replay<'_>, seen: &Seen<'_>) -> io::Result<()> {
        let Event::CounterSample { counter, value } = seen.event else { return Ok(()) };
        let definitions = self.trace.definitions();
        let definition = definitions.counter(*counter);
        let name = definition.map(|counter| Text::new(counter.name.as_str()));
        let device = definition.and_then(|counter| definitions.device(DeviceId(counter.device)));
        self.rows.row([
            Cell::Number(seen.now.time.0),
            Cell::Text(name.unwrap_or_else(|| Text::new(format!("<lost {counter}>")))),
            Cell::of(device, |device| Cell::Number(device.ordinal.into())),
            Cell::of(definition.and_then(|counter| counter.unit()), |unit| Cell::Word(unit.name())),
            measured(*value),
        ])
    }

    fn end(self, _replay: &Replay<'_>) -> io::Result<()> {
        self.rows.finish()
    }
}
