//! Owners of device memory: the layers of the chart from the lowest, and the rows of the table.

use memtrace_analysis::{
    Nanos, Text,
    report::{LedgerEntry, SampledFrom},
};
use memtrace_format::Bytes;
use ratatui::style::Style;

use super::{entry::DeviceLedger, share};
use crate::{
    listing::{Cell, Row},
    theme::Theme,
};

/// An owner of a part of the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    Active,
    Cached,
    /// This process beside its allocator.
    Process,
    Others,
    Unaccounted,
    /// The three before, where they are not known apart.
    Beside,
}

impl Layer {
    /// From the lowest.
    pub(crate) const ALL: [Self; 6] =
        [Self::Active, Self::Cached, Self::Process, Self::Others, Self::Unaccounted, Self::Beside];

    /// Returns the character that the chart draws.
    pub(crate) fn sign(self) -> char {
        match self {
            Self::Active => '█',
            Self::Cached => '▓',
            Self::Process => '▒',
            Self::Others => '░',
            Self::Unaccounted => '?',
            Self::Beside => '▚',
        }
    }

    pub(crate) fn style(self, theme: Theme) -> Style {
        use memtrace_analysis::timeline::Series;
        match self {
            Self::Active => theme.series(Series::Allocated),
            Self::Cached => theme.series(Series::Active),
            Self::Process | Self::Beside => theme.series(Series::Reserved),
            Self::Others => theme.peak(),
            Self::Unaccounted => theme.faint(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Active => "allocator, active",
            Self::Cached => "allocator, cached",
            Self::Process => "this process, other",
            Self::Others => "other processes",
            Self::Unaccounted => "unaccounted",
            Self::Beside => "beside the allocator",
        }
    }

    /// Returns its bytes in an entry; none if they are not known.
    pub(crate) fn bytes(self, entry: &LedgerEntry) -> Option<i64> {
        let signed = |bytes: Option<Bytes>| bytes.map(|bytes| i64::try_from(bytes.0).unwrap_or(i64::MAX));
        match self {
            Self::Active => signed(entry.allocator_active),
            Self::Cached => signed(entry.allocator_inactive),
            Self::Process => entry.non_allocator,
            Self::Others => signed(entry.other_processes),
            Self::Unaccounted => entry.unaccounted,
            Self::Beside => entry.beside_allocator.filter(|_| entry.unaccounted.is_none()),
        }
    }

    fn why(self, entry: &LedgerEntry) -> Option<&Text> {
        match self {
            Self::Active => entry.allocator_active_why.as_ref(),
            Self::Cached => entry.allocator_inactive_why.as_ref(),
            Self::Process => entry.non_allocator_why.as_ref(),
            Self::Others => entry.other_processes_why.as_ref(),
            Self::Unaccounted => entry.unaccounted_why.as_ref(),
            Self::Beside => entry.beside_allocator_why.as_ref(),
        }
    }
}

/// The table of an instant: who has what, what is free, and how that is known.
pub(crate) fn rows(moments: &DeviceLedger, time: Nanos) -> Vec<Row> {
    let Some(entry) = moments.entry_at(time) else { return Vec::new() };
    let mut rows = Vec::new();
    let mut add = |name: String, bytes: Option<i64>, how: String| {
        let figure = match bytes {
            Some(bytes @ 0..) => Cell::Bytes(Bytes(bytes.unsigned_abs())),
            Some(bytes) => Cell::Change(bytes),
            None => Cell::Unknown,
        };
        let part = bytes.and_then(|bytes| share(bytes, entry.total)).map_or(Cell::Unknown, Cell::Share);
        rows.push(Row::new(rows.len() as u64, vec![Cell::word(name), figure, part, Cell::word(how)]));
    };
    for layer in Layer::ALL {
        let bytes = layer.bytes(entry);
        if layer == Layer::Beside && bytes.is_none() {
            continue;
        }
        add(format!("{} {}", layer.sign(), layer.name()), bytes, how(layer, entry, time));
    }
    let signed = |bytes: Option<Bytes>| bytes.map(|bytes| i64::try_from(bytes.0).unwrap_or(i64::MAX));
    let free = match (entry.free, &entry.free_why) {
        (None, Some(why)) => why.to_string(),
        _ => entry.sources.free.map_or_else(String::new, |from| said(from, time)),
    };
    add("  free".to_owned(), signed(entry.free), free);
    add(
        "  total".to_owned(),
        signed(entry.total),
        entry.total_why.as_ref().map_or_else(String::new, Text::to_string),
    );
    rows
}

fn how(layer: Layer, entry: &LedgerEntry, time: Nanos) -> String {
    if layer.bytes(entry).is_none() {
        return layer.why(entry).map_or_else(String::new, Text::to_string);
    }
    let sources = entry.sources;
    match layer {
        Layer::Active | Layer::Cached => {
            let age = time.since(entry.time_ns);
            if age.0 == 0 { "events".to_owned() } else { format!("events, {age} before") }
        }
        Layer::Process => sources.own_process.map_or_else(String::new, |from| said(from, time)),
        Layer::Others => sources.other_processes.map_or_else(String::new, |from| said(from, time)),
        Layer::Unaccounted => "in use, and nobody's above".to_owned(),
        Layer::Beside => "in use, less the allocator's".to_owned(),
    }
}

fn said(from: SampledFrom, time: Nanos) -> String {
    let when = if from.time_ns > time {
        format!("{} later", from.time_ns.since(time))
    } else {
        format!("{} before", time.since(from.time_ns))
    };
    let moved = if from.moved { ", less what was reserved since" } else { "" };
    format!("{} said so {when}{moved}", from.source)
}
