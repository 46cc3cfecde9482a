//! Rows as CSV: every figure in full, in the unit that its column's head names.

use csv::Writer;
use memtrace_analysis::as_cell;

use crate::listing::{Cell, Listing};

/// The rows of a listing that are shown, in their order. Rows of a tree say how deep they are.
pub(super) fn render(listing: &Listing) -> String {
    let mut writer = Writer::from_writer(Vec::new());
    let is_tree = listing.shown().any(|row| row.depth > 0);
    let heads = listing.columns().iter().enumerate().map(|(place, column)| {
        let unit = listing.shown().filter_map(|row| row.cells.get(place)).find_map(unit);
        unit.map_or_else(|| column.name.to_owned(), |unit| format!("{} ({unit})", column.name))
    });
    let depth = |what: String| is_tree.then_some(what);
    let mut write = |record: Vec<String>| writer.write_record(record).expect("a vector takes everything");
    write(depth("depth".to_owned()).into_iter().chain(heads).collect());
    for row in listing.shown() {
        write(depth(row.depth.to_string()).into_iter().chain(row.cells.iter().map(value)).collect());
    }
    let bytes = writer.into_inner().expect("a vector takes everything");
    String::from_utf8(bytes).expect("records are of strings")
}

fn unit(cell: &Cell) -> Option<&'static str> {
    match cell {
        Cell::Bytes(_) | Cell::Change(_) => Some("bytes"),
        Cell::Time(_) => Some("ns"),
        Cell::Share(_) => Some("of 1"),
        Cell::Number(_, unit) if !unit.trim().is_empty() => Some(unit.trim()),
        _ => None,
    }
}

fn value(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => as_cell(text.to_string()),
        Cell::Bytes(bytes) => bytes.0.to_string(),
        Cell::Change(bytes) => bytes.to_string(),
        Cell::Time(time) => time.0.to_string(),
        Cell::Count(count) => count.to_string(),
        Cell::Share(number) | Cell::Number(number, _) => number.to_string(),
        Cell::Unknown => String::new(),
    }
}
