//! Lost events, failed requests, and the way the run ended.

use memtrace_analysis::report::{Dropped, Ended, OutOfMemory};
use ratatui::text::{Line, Span};

use crate::{
    open_run::OpenRun,
    theme::{OUT_OF_MEMORY, Theme},
    widget::{Section, count, plural},
};

/// The most failed requests shown; the rest is counted.
const MAX_FAILURES: usize = 4;

/// Gaps in the recording, told first because every figure below depends on them.
pub(crate) fn losses<'a>(run: &'a OpenRun, theme: Theme) -> Option<Section<'a>> {
    let trace = &run.figures().trace;
    let mut lines = Vec::new();
    if trace.dropped.total > 0 {
        let causes = trace.dropped.by_cause.iter().filter(|(_, number)| **number > 0);
        let causes: Vec<String> =
            causes.map(|(cause, number)| format!("{cause} {}", count(*number))).collect();
        let least = if trace.dropped.at_least { "at least " } else { "" };
        lines.push(format!(
            "{least}{} could not be recorded: {}",
            events(trace.dropped.total),
            causes.join(", ")
        ));
    } else if trace.dropped.at_least {
        lines.push(Dropped::UNTOLD.to_owned());
    }
    if trace.damaged_chunks > 0 {
        lines.push(format!("{} damaged chunks could not be read", count(trace.damaged_chunks)));
        lines.extend(trace.damage.iter().take(2).map(|damage| format!("  {damage}")));
    }
    if trace.unreadable_bytes.0 > 0 {
        lines.push(format!("{} of the file could not be read", trace.unreadable_bytes));
    }
    for (oddity, number) in &trace.oddities {
        lines.push(format!("{}: {oddity}", events(*number)));
    }
    if let Some(why) = &trace.stopped_why {
        lines.push(format!("recording stopped before the process ended: {why}"));
    }
    if lines.is_empty() {
        return None;
    }
    let lines = lines.into_iter().map(|line| Line::raw(format!("  {line}"))).collect();
    let mut title = super::title::title("! Lost", "figures below may be too small".to_owned(), theme);
    title.spans[0].style = theme.bad();
    Some(Section::lines(title, lines))
}

/// The requests that failed.
pub(crate) fn failures<'a>(run: &'a OpenRun, theme: Theme) -> Option<Section<'a>> {
    let total = run.figures().ooms_total;
    if total == 0 {
        return None;
    }
    let told = &run.figures().ooms[..run.figures().ooms.len().min(MAX_FAILURES)];
    let mut lines: Vec<Line<'_>> = told.iter().flat_map(|failure| failure_lines(failure, theme)).collect();
    let left = total.saturating_sub(told.len() as u64);
    if left > 0 {
        lines.push(Line::styled(format!("  and {} more", count(left)), theme.faint()));
    }
    let requests = plural(total, "request");
    let mut title =
        super::title::title(&format!("{OUT_OF_MEMORY} Out of memory"), format!("{requests} failed"), theme);
    title.spans[0].style = theme.bad();
    Some(Section::lines(title, lines))
}

/// The end of the run, with the engine, process and event count.
pub(crate) fn ending<'a>(run: &'a OpenRun, theme: Theme) -> Section<'a> {
    let trace = &run.figures().trace;
    let duration = trace.duration_ns;
    let (how, style) = match trace.ended {
        Ended::Clean if trace.run_failed => {
            (format!("The recording is complete ({duration}); the run failed"), theme.bad())
        }
        Ended::Clean => (format!("Ended clean after {duration}"), theme.strong()),
        Ended::Untold if !trace.has_times() => ("Imported, without times".to_owned(), theme.strong()),
        Ended::Untold => (format!("Imported: {duration}"), theme.strong()),
        Ended::Killed => (format!("Killed after {duration}"), theme.bad()),
        Ended::Running => (format!("Still running; read up to {duration}"), theme.strong()),
    };
    let engine = trace.engine.as_ref().map(|engine| match &trace.engine_version {
        Some(version) => format!("{engine} {version}"),
        None => engine.to_string(),
    });
    let threads = trace.threads.map(|threads| plural(threads, "thread"));
    let parts = [engine, trace.pid.map(|pid| format!("process {pid}")), threads, Some(events(trace.events))];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    Section::lines(Line::styled(how, style), vec![Line::raw(format!("  {}", parts.join(" · ")))])
}

fn failure_lines(failure: &OutOfMemory, theme: Theme) -> Vec<Line<'static>> {
    let what = Line::from(vec![
        Span::raw(format!("  {:>9}  ", failure.time_ns)),
        Span::styled(failure.requested_bytes.to_string(), theme.strong()),
        Span::raw(format!(" on {} for {} in {}", failure.heap, failure.module, failure.scope)),
    ]);
    let headline = Line::raw(format!("             {}", failure.headline));
    let room = [
        ("in holes", failure.inactive_bytes),
        ("largest usable", failure.largest_usable_bytes.or(failure.largest_free_bytes)),
        ("device free", failure.device_free_bytes),
    ];
    let known = room.into_iter().filter_map(|(name, bytes)| bytes.map(|bytes| format!("{name} {bytes}")));
    let known: Vec<String> = known.collect();
    if known.is_empty() {
        return vec![what, headline];
    }
    vec![what, headline, Line::styled(format!("             {}", known.join(" · ")), theme.faint())]
}

fn events(number: u64) -> String {
    plural(number, "event")
}
