//! The table of samples.

use std::io::{self, Write};

use memtrace_format::{DeviceId, Event};

use super::{Cell, Rows, events::measured};
use crate::{
    Nanos, Text, Trace,
    export::walk::{Seen, Visitor},
    replay::Replay,
};

pub(super) const COLUMNS: [&str; 5] = ["time_ns", "counter", "device", "unit", "value"];

/// Writes a row for each sample.
pub(super) struct Samples<'a, W: Write> {
    trace: &'a Trace,
    rows: Rows<W>,
}

impl<'a, W: Write> Samples<'a, W> {
    pub(super) fn new(trace: &'a Trace, rows: Rows<W>) -> Self {
        Self { trace, rows }
    }
}

impl<W: Write> Visitor for Samples<'_, W> {
    fn begin(&mut self, _replay: &Replay<'_>, _from: Nanos) -> io::Result<()> {
        self.rows.begin(&COLUMNS)
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
