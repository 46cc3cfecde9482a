//! Device memory by its users, a column for each instant.

use std::fmt::{self, Formatter};

use memtrace_format::Bytes;

use super::maybe;
use crate::{
    Text,
    report::{LedgerEntry, LedgerMoment, Report},
    table::{Columns, shorten},
};

/// The most instants that stand side by side.
const COLUMNS: usize = 6;

/// The most characters of a reason.
const REASON: usize = 76;

pub(super) fn ledger(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    let entries = &report.ledger;
    for of_device in entries.chunk_by(|a, b| a.device == b.device) {
        // Without anything sampled there is nothing that the heaps do not say.
        if of_device.iter().all(|entry| entry.free.is_none() && entry.non_allocator.is_none()) {
            continue;
        }
        device(f, of_device)?;
    }
    Ok(())
}

fn device(f: &mut Formatter<'_>, entries: &[LedgerEntry]) -> fmt::Result {
    let shown = choose(entries);
    let heads = shown.iter().map(|entry| entry.at.iter().map(|at| at.name()).collect::<Vec<_>>().join(", "));
    let mut table = Columns::new(format!("LEDGER of device {}", shown[0].device), heads);
    table.row("at", shown.iter().map(|entry| entry.time_ns.to_string()));
    let bytes = |pick: fn(&LedgerEntry) -> Option<Bytes>| shown.iter().map(move |entry| maybe(pick(entry)));
    let signed = |pick: fn(&LedgerEntry) -> Option<i64>| shown.iter().map(move |entry| signed(pick(entry)));
    table.row("allocator, active", bytes(|entry| entry.allocator_active));
    table.row("allocator, cached", bytes(|entry| entry.allocator_inactive));
    let split = |entry: &&LedgerEntry| entry.unaccounted.is_some();
    if shown.iter().any(split) {
        table.row("this process, other memory", signed(|entry| entry.non_allocator));
        table.row("other processes", bytes(|entry| entry.other_processes));
        table.row("unaccounted", signed(|entry| entry.unaccounted));
    }
    if !shown.iter().all(split) {
        table.row("all that is beside it", signed(|entry| entry.beside_allocator));
    }
    table.row("free", bytes(|entry| entry.free));
    table.row("total", bytes(|entry| entry.total));
    write!(f, "\n{table}")?;
    let last = shown[shown.len() - 1];
    let reasons: [(&str, &Option<Text>); 4] = [
        ("free", &last.free_why),
        ("whose it is beside the allocator", &last.non_allocator_why),
        (
            "other processes",
            &last.other_processes_why.clone().filter(|why| last.non_allocator_why.as_ref() != Some(why)),
        ),
        ("allocator, cached", &last.allocator_inactive_why),
    ];
    for (what, why) in reasons {
        if let Some(why) = why {
            writeln!(f, "  ? {what}: {}", shorten(why, REASON))?;
        }
    }
    if entries.len() > shown.len() {
        writeln!(f, "  … and {} more instants (--json has them)", entries.len() - shown.len())?;
    }
    Ok(())
}

/// The instants to show: all but some of the failed requests, if they are too many.
fn choose(entries: &[LedgerEntry]) -> Vec<&LedgerEntry> {
    let only_failed = |entry: &LedgerEntry| entry.at == [LedgerMoment::Oom];
    let others = entries.iter().filter(|entry| !only_failed(entry)).count();
    let mut room = COLUMNS.saturating_sub(others);
    let fits = |entry: &&LedgerEntry| {
        if only_failed(entry) {
            let fits = room > 0;
            room = room.saturating_sub(1);
            return fits;
        }
        true
    };
    entries.iter().filter(fits).collect()
}

fn signed(bytes: Option<i64>) -> String {
    bytes.map_or_else(|| "?".to_owned(), super::device::signed_bytes)
}
