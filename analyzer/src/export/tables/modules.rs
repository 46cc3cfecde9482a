//! The table of modules: what the report says of each.

use std::io::{self, Write};

use super::{Cell, Rows};
use crate::report::Report;

pub(super) const COLUMNS: [&str; 12] = [
    "id",
    "name",
    "parent",
    "bytes",
    "fingerprint",
    "forwards",
    "loads",
    "evictions",
    "transfer_bytes",
    "transfer_ns",
    "hidden_ns",
    "stall_ns",
];

pub(super) fn write<W: Write>(report: &Report, mut rows: Rows<W>) -> io::Result<()> {
    rows.begin(&COLUMNS)?;
    for module in &report.modules {
        rows.row([
            Cell::Number(module.id.into()),
            Cell::Text(module.name.clone()),
            Cell::of(module.parent.clone(), Cell::Text),
            Cell::of(module.bytes, |bytes| Cell::Number(bytes.0)),
            Cell::of(module.fingerprint.clone(), |print| Cell::Text(crate::Text::new(print))),
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
