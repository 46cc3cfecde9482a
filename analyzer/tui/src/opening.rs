//! The time before there is an analysis: what the trace says of itself, how much of it is read, and what was found up to there.

use memtrace_analysis::{HeapSoFar, Nanos, Progress, Text, Trace, report::Ended};
use memtrace_format::Bytes;
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    text::{Line, Span},
    widgets::Widget,
};

use super::{
    theme::Theme,
    widget::{bar, plural},
};

/// The width of the bar that shows how much is read.
const PROGRESS_CELLS: usize = 30;
/// The most heaps and devices that are named, and the most heaps whose figures are shown.
const NAMED: usize = 4;

/// The facts known while the trace is read.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    /// The analysis has come this far, if it says so.
    pub(crate) progress: Option<Progress>,
    /// The figures up to there, if there are any.
    pub(crate) so_far: Option<FirstFigures>,
    /// Facts from the trace's directory.
    pub(crate) facts: Facts,
}

/// Facts about a trace before any of its events are read: one line each, the most important first.
#[derive(Debug, Default)]
pub(crate) struct Facts(Vec<String>);

/// Heap figures of the part read so far, the largest heap first.
#[derive(Debug)]
pub(crate) struct FirstFigures {
    until: Nanos,
    heaps: Vec<HeapSoFar>,
}

impl FirstFigures {
    pub(crate) fn of(found: &memtrace_analysis::SoFar<'_, '_>) -> Self {
        Self { until: found.until(), heaps: found.largest_heaps(NAMED) }
    }

    /// A line each.
    fn lines(&self) -> impl Iterator<Item = String> {
        let when = format!("in the first {}:", self.until);
        let heaps = self.heaps.iter().map(|heap| {
            let HeapSoFar { name, peak, peak_at, now } = heap;
            format!("{name}  peak {peak:.1} at {peak_at}, then {now:.1}")
        });
        std::iter::once(when).filter(|_| !self.heaps.is_empty()).chain(heaps)
    }
}

impl Facts {
    pub(crate) fn of(trace: &Trace) -> Self {
        let definitions = trace.definitions();
        let time = match (trace.ended(), trace.latest_known()) {
            (Ended::Untold, _) if !trace.has_times() => "imported, without times".to_owned(),
            (Ended::Untold, end) => format!("{end}, imported"),
            (Ended::Clean, end) => format!("{end}, ended clean"),
            (Ended::Killed, end) => format!("{end} or more, killed"),
            (Ended::Running, end) => format!("{end} or more, still running"),
        };
        let engine = definitions.engine().map(|engine| format!("{} {} · ", engine.name, engine.version));
        let threads = trace.has_threads().then(|| plural(trace.threads().len(), "thread"));
        let process = Some(trace.header().pid).filter(|&pid| pid != 0 || !trace.is_imported());
        let process = process.map(|pid| format!("process {pid}"));
        let process = process.into_iter().chain(threads).collect::<Vec<_>>().join(" · ");
        let who = Text::new(format!("{}{process}", engine.unwrap_or_default())).to_string();
        let named = |what: &str, names: Vec<String>| {
            let more = names.len().checked_sub(NAMED + 1).map(|more| format!(" and {} more", more + 1));
            let names = names.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
            (!names.is_empty()).then(|| format!("{what} {names}{}", more.unwrap_or_default()))
        };
        let heaps = definitions.heaps().into_iter().map(|heap| Text::new(heap.name.as_str()).to_string());
        let devices = definitions.devices().map(|device| Text::new(device.name.as_str()).to_string());
        let modules = Some(definitions.module_ids().len()).filter(|&modules| modules > 0);
        let modules = modules.map(|modules| plural(modules, "module"));
        let mut devices: Vec<_> = devices.collect();
        devices.sort_unstable();
        devices.dedup();
        let lines = [Some(time), Some(who), named("heaps", heaps.collect()), named("on", devices), modules];
        Self(lines.into_iter().flatten().collect())
    }
}

impl Opening {
    /// Draws the progress in the middle, and below it as many facts and figures as fit.
    pub(crate) fn draw(&self, theme: Theme, area: Rect, buffer: &mut Buffer) {
        let middle = Rect { y: area.y + area.height / 2, height: 1.min(area.height), ..area };
        self.progress_line(theme, area.width).render(middle, buffer);
        let below = (middle.y + 2..area.bottom()).map(|y| Rect { y, ..middle });
        let found =
            self.so_far.iter().flat_map(|so_far| std::iter::once(String::new()).chain(so_far.lines()));
        for (line, place) in self.facts.0.iter().cloned().chain(found).zip(below) {
            Line::raw(line).alignment(Alignment::Center).render(place, buffer);
        }
    }

    fn progress_line(&self, theme: Theme, width: u16) -> Line<'static> {
        let known = self.progress.filter(|progress| progress.total > Bytes(0));
        let Some(Progress { done, total }) = known else { return Line::raw("reading…").centered() };
        let cells = PROGRESS_CELLS.min(usize::from(width) / 3);
        let figures = format!(" {done:.1} of {total:.1}");
        let line = Line::from(vec![
            Span::raw("reading "),
            Span::styled("▕", theme.faint()),
            Span::raw(bar(done.0 as f64 / total.0 as f64, cells)),
            Span::styled("▏", theme.faint()),
            Span::raw(figures),
        ]);
        line.centered()
    }
}
