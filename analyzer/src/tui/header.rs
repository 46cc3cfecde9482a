//! The two lines at the top, and what is shown while the trace is read.

use memtrace_format::Bytes;
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    text::{Line, Span},
    widgets::Widget,
};

use super::{
    action::View,
    run::Run,
    state::{Content, State},
    theme::Theme,
    widget::{bar, count},
};
use crate::{Progress, report::Ended};

/// The width of the bar that shows how much is read.
const PROGRESS_CELLS: usize = 30;
/// Between two parts of the first line.
const BETWEEN: &str = " · ";

/// The file, how the run ended, what is missing, how long it took, the engine: as many of them as fit.
pub(crate) fn draw_run(state: &State, area: Rect, buffer: &mut Buffer) {
    let theme = state.theme;
    let mut spans = vec![
        Span::styled(" memtrace ", theme.selected()),
        Span::raw(" "),
        Span::styled(state.file.to_string(), theme.strong()),
    ];
    if let Content::Ready(run) = &state.content {
        let mut free = usize::from(area.width).saturating_sub(Line::from(spans.clone()).width());
        for part in about(run, theme) {
            // A part that does not fit is left out whole: half a number is a wrong one.
            let Some(left) = free.checked_sub(part.width() + BETWEEN.len()) else { break };
            free = left;
            spans.extend([Span::styled(BETWEEN, theme.faint()), part]);
        }
    }
    Line::from(spans).render(area, buffer);
}

/// The views, and what is looked at.
pub(crate) fn draw_tabs(state: &State, area: Rect, buffer: &mut Buffer) {
    let mut spans = vec![Span::raw(" ")];
    for (number, view) in View::ALL.into_iter().enumerate() {
        let text = format!(" {} {} ", number + 1, view.name());
        let here = view == state.view && state.help.is_none();
        spans.push(Span::styled(text, if here { state.theme.selected() } else { state.theme.faint() }));
        spans.push(Span::raw(" "));
    }
    let tabs = Line::from(spans);
    if let Content::Ready(run) = &state.content
        && let Some(heap) = run.heap()
    {
        let used = u16::try_from(tabs.width()).unwrap_or(u16::MAX).min(area.width);
        let rest = Rect { x: area.x + used, width: area.width - used, ..area };
        let mut line = heap_looked_at(run, &heap.name.to_string(), state.theme);
        if line.width() > usize::from(rest.width) {
            // The name tells more than the place in the list.
            line.spans.remove(0);
        }
        line.render(rest, buffer);
    }
    tabs.render(area, buffer);
}

/// How much of the trace is read.
pub(crate) fn draw_progress(theme: Theme, progress: Option<Progress>, area: Rect, buffer: &mut Buffer) {
    let middle = Rect { y: area.y + area.height / 2, height: 1, ..area };
    let known = progress.filter(|progress| progress.total > Bytes(0));
    let Some(Progress { done, total }) = known else {
        return Line::raw("reading…").alignment(Alignment::Center).render(middle, buffer);
    };
    let cells = PROGRESS_CELLS.min(usize::from(area.width) / 3);
    let figures = format!(" {done:.1} of {total:.1}");
    Line::from(vec![
        Span::raw("reading "),
        Span::styled("▕", theme.faint()),
        Span::raw(bar(done.0 as f64 / total.0 as f64, cells)),
        Span::styled("▏", theme.faint()),
        Span::raw(figures),
    ])
    .centered()
    .render(middle, buffer);
}

fn about(run: &Run, theme: Theme) -> Vec<Span<'static>> {
    let trace = &run.report.trace;
    let mut parts = vec![match trace.ended {
        Ended::Clean => Span::raw("ended clean"),
        Ended::Killed => Span::styled("killed", theme.bad()),
        Ended::Running => Span::styled("still running", theme.strong()),
    }];
    if trace.dropped.total > 0 {
        parts.push(Span::styled(format!("{} events lost", count(trace.dropped.total)), theme.bad()));
    }
    if trace.damaged_chunks > 0 {
        parts.push(Span::styled("damaged", theme.bad()));
    }
    parts.push(Span::raw(trace.duration_ns.to_string()));
    if let Some(engine) = &trace.engine {
        let version = trace.engine_version.as_ref().map(|version| format!(" {version}"));
        parts.push(Span::raw(format!("{engine}{}", version.unwrap_or_default())));
    }
    parts
}

fn heap_looked_at(run: &Run, name: &str, theme: Theme) -> Line<'static> {
    let heaps = run.report.heaps.len();
    let of = if heaps > 1 { format!(" {}/{heaps}", run.heap + 1) } else { String::new() };
    Line::from(vec![
        Span::styled(format!("heap{of} "), theme.faint()),
        Span::styled(name.to_owned(), theme.strong()),
        Span::raw(" "),
    ])
    .right_aligned()
}
