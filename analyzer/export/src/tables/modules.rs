//! The table of modules: what the report says of each.

use std::io;

use memtrace_analysis::report::Report;

use super::{Cell, Kind, Rows};

pub(super) const COLUMNS: [(&str, Kind); 12] = [
    ("id", Kind::Number),
    ("name", Kind::Text),
    ("parent", Kind::Text),
    ("bytes", Kind::Number),
    ("fingerprint", Kind::Text),
    ("forwards", Kind::Number),
    ("loads", Kind::Number),
    ("evictions", Kind::Number),
    ("transfer_bytes", Kind::Number),
    ("transfer_ns", Kind::Number),
    ("hidden_ns", Kind::Number),
    ("stall_ns", Kind::Number),
];

pub(super) fn write(report: &Report, mut rows: impl Rows) -> io::Result<()> {
    rows.begin()?;
    for module in &report.modules {
        rows.row([
            Cell::Number(module.id.into()),
            Cell::Text(module.name.clone()),
            Cell::of(module.parent.clone(), Cell::Text),
            Cell::of(module.bytes, |bytes| Cell::Number(bytes.0)),
            Cell::of(module.fingerprint.clone(), |print| Cell::Text(memtrace_analysis::Text::new(print))),
            Cell::Number(module.forwards),
            Cell::Number(module.loads),
            Cell::Number(module.evictions),
            Cell::Number(module.transfer_bytes.0),
            Cell::Number(module.transfer_ns.0),
            Cell::Number(module.hidden_ns.0),
            Cell::Number(module.stall_ns.0),
        ])?;
    }
    rows.finish()
}
