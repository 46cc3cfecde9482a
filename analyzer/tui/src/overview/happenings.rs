//! Phases, marks and counters.

use memtrace_analysis::{
    Nanos,
    report::{Counter, CounterNumber, Phase},
};
use memtrace_format::Bytes;
use ratatui::text::{Line, Span};

use crate::{
    open_run::OpenRun,
    theme::Theme,
    widget::{Section, bar, count, fit, fit_names, plural},
};

/// The most phases shown; inner ones are left out first.
const MAX_PHASES: usize = 12;
/// The most marks or counters shown.
const MAX_LINES: usize = 8;
/// The cells for the name of a counter.
const NAME_CELLS: usize = 26;
/// Cells for the figures behind a bar: duration, bytes.
const FIGURES_CELLS: usize = 24;

/// The phases in the order of time, with how full the heap got in each.
pub(crate) fn phases<'a>(run: &'a OpenRun, theme: Theme, width: u16) -> Option<Section<'a>> {
    let phases = &run.figures().phases;
    if phases.is_empty() {
        return None;
    }
    let mut shown: Vec<(usize, usize)> = Vec::new();
    for (depth, lane) in run.figure_lanes().lanes().iter().enumerate() {
        if depth > 0 && shown.len() + lane.len() > MAX_PHASES {
            break;
        }
        shown.extend(lane.iter().take(MAX_PHASES).map(|&index| (index, depth)));
    }
    shown.sort_unstable();
    let heap = run.heap_figures().map(|heap| &heap.name);
    let peak = |phase: &Phase| {
        let heap = phase.heaps.iter().find(|at| Some(&at.heap) == heap);
        heap.map_or("–".to_owned(), |at| at.peak_allocated_bytes.to_string())
    };
    let longest = shown.iter().map(|(index, _)| lasted(&phases[*index]).0).max().unwrap_or(0);
    let width = usize::from(width);
    let names = (width / 3).clamp(10, 32);
    let bars = width.saturating_sub(names + FIGURES_CELLS + 6).min(24);
    let mut lines = vec![Line::styled(
        format!("  {}  {}{:>11}{:>13}", fit("", names), fit("", bars), "lasted", "peak"),
        theme.faint(),
    )];
    lines.extend(shown.iter().map(|&(index, depth)| {
        let phase = &phases[index];
        let name = format!("{}{}", "  ".repeat(depth), phase.name);
        let part = bar(lasted(phase).0 as f64 / longest.max(1) as f64, bars);
        Line::from(vec![
            Span::raw(format!("  {}  ", fit(&name, names))),
            Span::styled(part, theme.faint()),
            Span::raw(format!("{:>11}{:>13}", lasted(phase).to_string(), peak(phase))),
        ])
    }));
    let total = run.figures().phases_total.max(phases.len() as u64);
    let rest = if shown.len() as u64 == total {
        count(total)
    } else {
        format!("{} of {}", shown.len(), count(total))
    };
    Some(Section::lines(super::title::title("Phases", rest, theme), lines))
}

/// The marks, by name.
pub(crate) fn marks<'a>(run: &'a OpenRun, theme: Theme) -> Option<Section<'a>> {
    let marks = &run.figures().marks;
    if marks.is_empty() {
        return None;
    }
    let lines = marks.iter().take(MAX_LINES).map(|mark| {
        let when = if mark.count == 1 {
            format!("at {}", mark.first_ns)
        } else {
            format!("{}, {} to {}", plural(mark.count, "time"), mark.first_ns, mark.last_ns)
        };
        Line::raw(format!("  {}  {when}", fit(&mark.name.to_string(), 24)))
    });
    Some(Section::lines(super::title::title("Marks", count(marks.len() as u64), theme), lines.collect()))
}

/// The counters.
pub(crate) fn counters<'a>(run: &'a OpenRun, theme: Theme) -> Option<Section<'a>> {
    let counters = &run.figures().samples.counters;
    if counters.is_empty() {
        return None;
    }
    let head = format!("  {}{:>12}{:>12}{:>12}", fit("", NAME_CELLS), "least", "most", "last");
    let mut lines = vec![Line::styled(head, theme.faint())];
    let shown = &counters[..counters.len().min(MAX_LINES)];
    let names: Vec<_> = shown.iter().map(|counter| (counter_name(counter), NAME_CELLS)).collect();
    lines.extend(fit_names(&names).iter().zip(shown).map(|(name, counter)| counter_line(name, counter)));
    Some(Section::lines(super::title::title("Counters", count(counters.len() as u64), theme), lines))
}

fn counter_name(counter: &Counter) -> String {
    let device = counter.device.map_or(String::new(), |device| format!(" device:{device}"));
    format!("{}{device}", counter.name)
}

fn counter_line(name: &str, counter: &Counter) -> Line<'static> {
    let number = |number| in_unit(number, counter.unit);
    Line::raw(format!(
        "  {name}{:>12}{:>12}{:>12}",
        number(counter.min),
        number(counter.max),
        number(counter.last)
    ))
}

fn in_unit(number: CounterNumber, unit: &str) -> String {
    match (number, unit) {
        (CounterNumber::Integer(bytes), "bytes") => Bytes(bytes).to_string(),
        (CounterNumber::Integer(bytes), "bytes/s") => format!("{:.1}/s", Bytes(bytes)),
        (CounterNumber::Integer(ns), "ns") => Nanos(ns).to_string(),
        (CounterNumber::Integer(number), "percent") => format!("{number}%"),
        (CounterNumber::Integer(number), _) => count(number),
        (CounterNumber::Float(number), "percent") => format!("{number:.1}%"),
        (CounterNumber::Float(number), _) => format!("{number:.2}"),
    }
}

fn lasted(phase: &Phase) -> Nanos {
    phase.to_ns.since(phase.from_ns)
}
