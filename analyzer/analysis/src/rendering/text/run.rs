//! The recording: its facts, its end, its losses.

use std::fmt::{self, Display, Formatter};

use memtrace_format::well_known::IMPORT_NOTE;

use super::{NAME, ROWS, and_more, plural, wrapped};
use crate::{
    Text,
    report::{Dropped, Ended, Filtered, Info, Mark, Range, TraceInfo, allocator_settings},
    table::{Table, grouped, shorten, utc},
};

/// What `memtrace info` says, as text.
#[derive(Clone, Copy, Debug)]
pub struct InfoText<'a>(pub &'a Info);

impl Display for InfoText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Info { trace, file_bytes, session, .. } = self.0;
        header(f, trace)?;
        let chunks = &trace.chunks;
        writeln!(f, "file        {file_bytes}, format {}, session {session}", trace.format_version)?;
        writeln!(
            f,
            "chunks      {} of events ({} not finished), {} of definitions, {} never used ({})",
            grouped(chunks.events),
            grouped(chunks.unsealed),
            grouped(chunks.definitions),
            grouped(chunks.free),
            trace.never_used_bytes,
        )?;
        losses(f, trace)?;
        let mut table = Table::new(["EVENTS", "count"]);
        for (kind, count) in &self.0.events_by_kind {
            table.row([(*kind).to_owned(), grouped(*count)]);
        }
        write!(f, "\n{table}")?;
        let mut table = Table::new(["DEFINITIONS", "count"]);
        for (kind, count) in &self.0.definitions {
            table.row([(*kind).to_owned(), grouped(*count)]);
        }
        write!(f, "\n{table}")?;
        let mut table = Table::new(["THREADS", "id", "os id", "events", "chunks"]);
        for thread in self.0.threads.iter().take(ROWS) {
            table.row([
                shorten(&thread.name, NAME),
                thread.id.to_string(),
                thread.os_id.map_or_else(|| "?".to_owned(), |id| id.to_string()),
                grouped(thread.events),
                grouped(thread.chunks),
            ]);
        }
        write!(f, "\n{table}")?;
        and_more(f, self.0.threads.len() as u64, ROWS, "threads")
    }
}

pub(super) fn header(f: &mut Formatter<'_>, trace: &TraceInfo) -> fmt::Result {
    let engine = match (&trace.engine, &trace.engine_version) {
        (Some(engine), Some(version)) => format!("{} {}", shorten(engine, NAME), shorten(version, NAME)),
        (Some(engine), None) => shorten(engine, NAME),
        (None, _) => "unknown engine".to_owned(),
    };
    let ended = match trace.ended {
        Ended::Untold => "",
        Ended::Clean if trace.run_failed => trace.ending(),
        Ended::Clean => "cleanly",
        Ended::Killed => "without closing the trace (killed or crashed); every recorded event is here",
        Ended::Running => "not yet: the process is still recording",
    };
    let process = trace.pid.map_or_else(|| "unknown process".to_owned(), |pid| format!("process {pid}"));
    let start = trace.start_unix_ns.map_or_else(|| "on an unknown day".to_owned(), utc);
    match trace.pid {
        None if trace.is_imported() => writeln!(f, "engine      {engine}")?,
        _ => writeln!(f, "engine      {engine}, {process}")?,
    }
    if trace.has_times() {
        writeln!(f, "recorded    {start}, for {}", trace.duration_ns)?;
    } else {
        writeln!(f, "recorded    without times; what stands for a time counts events")?;
    }
    match trace.ended {
        Ended::Untold => {}
        _ => writeln!(f, "ended       {ended}")?,
    }
    if let Some(range) = &trace.range {
        writeln!(f, "range       {}", range_words(range))?;
        writeln!(f, "            starts with what was live then; counts and peaks are the range's")?;
    }
    if let Some(filter) = &trace.filter {
        writeln!(f, "only        {}", filter_words(filter))?;
    }
    if let Some(from) = trace.kept_from_ns {
        writeln!(
            f,
            "kept        from {from} on (ring), with what was live then; counts and peaks start there"
        )?;
    }
    if let Some(why) = &trace.stopped_why {
        writeln!(f, "stopped     {}", shorten(why, 88))?;
    }
    let events = grouped(trace.events);
    match trace.threads {
        Some(threads) => writeln!(
            f,
            "events      {events} of {} {}, clock {}",
            grouped(threads),
            plural(threads, "thread"),
            trace.clock
        ),
        None => writeln!(f, "events      {events}, {}", trace.clock),
    }
}

/// What the marks of an imported recording say of all of it: the allocator's settings in a line, and what a reader should know.
pub(super) fn facts(f: &mut Formatter<'_>, marks: &[Mark]) -> fmt::Result {
    if let Some(settings) = allocator_settings(marks) {
        wrapped(f, "", &format!("allocator   {settings}"))?;
    }
    for note in marks.iter().filter_map(|mark| mark.name.recorded().strip_prefix(IMPORT_NOTE)) {
        wrapped(f, "", &format!("note        {}", Text::new(note)))?;
    }
    Ok(())
}

pub(crate) fn range_words(range: &Range) -> String {
    let phase = range.phase.as_ref().map_or_else(String::new, |phase| {
        format!(", run {} of phase {}", range.run.unwrap_or(1), shorten(phase, NAME))
    });
    format!("from {} to {} ({}){phase}", range.from_ns, range.to_ns, range.to_ns.since(range.from_ns))
}

pub(crate) fn filter_words(filter: &Filtered) -> String {
    let device = filter.device.map(|device| format!("device {device}, and what is of no device"));
    let thread = filter.thread.as_ref().map(|thread| format!("threads called {}", shorten(thread, NAME)));
    device.into_iter().chain(thread).collect::<Vec<_>>().join("; of these ")
}

pub(super) fn losses(f: &mut Formatter<'_>, trace: &TraceInfo) -> fmt::Result {
    if !trace.dropped.any() && trace.damaged_chunks == 0 && trace.oddities.is_empty() {
        return Ok(());
    }
    writeln!(f, "\nLOSSES (figures below lack what is missing here)")?;
    for (cause, &count) in trace.dropped.by_cause.iter().filter(|(_, count)| **count > 0) {
        writeln!(f, "  {} {} dropped: {cause}", trace.dropped.told(count), plural(count, "event"))?;
    }
    if trace.dropped.total == 0 && trace.dropped.at_least {
        writeln!(f, "  {}", Dropped::UNTOLD)?;
    }
    if trace.damaged_chunks > 0 {
        let (chunks, word) = (grouped(trace.damaged_chunks), plural(trace.damaged_chunks, "chunk"));
        writeln!(f, "  {chunks} damaged {word}, {} unreadable", trace.unreadable_bytes)?;
    }
    for place in &trace.damage {
        writeln!(f, "    {place}")?;
    }
    for (what, &count) in &trace.oddities {
        writeln!(f, "  {} × {what}", grouped(count))?;
    }
    Ok(())
}
