//! Whose the peak was, and when.

use memtrace_analysis::{
    report::{Heap, Known, Peak, PeakBy, Share},
    timeline::Series,
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::Widget,
};

use crate::{
    memory_chart::{MemoryChart, top},
    run::Run,
    theme::{self, Theme, series_sign},
    widget::{Section, bar, fit, fit_tail, percent, width},
};

/// Between two figures.
const BETWEEN: &str = " · ";
/// More owners than this are summed up.
const MAX_OWNERS: usize = 8;
/// The height of the chart.
const CHART_ROWS: u16 = 5;
/// What follows a bar: the bytes and the part of the whole.
const FIGURES_CELLS: usize = 18;

/// The peak of the heap that is looked at, and its owners by module.
pub(crate) fn owners<'a>(run: &'a Run, theme: Theme, width: u16) -> Section<'a> {
    let Some(heap) = run.heap_figures() else {
        let lines = vec![Line::raw("  no heap was recorded")];
        return Section::lines(Line::styled("Peak", theme.strong()), lines);
    };
    let peak = &heap.peak;
    let (bytes, of) = match peak.by {
        PeakBy::Allocated => (peak.figures.allocated_bytes, "allocated"),
        PeakBy::Requested => (peak.figures.requested_bytes, "requested"),
    };
    let rest = Line::from(vec![
        Span::styled("Peak  ", theme.strong()),
        Span::styled(bytes.to_string(), theme.peak()),
        Span::raw(format!(" {of} on {} at {}", heap.name, peak.time_ns)),
    ]);
    let mut lines = figures(heap, theme, usize::from(width));
    lines.extend(shares(&peak.by_module, bytes.0, theme, usize::from(width)));
    if let Some(scope) = peak.by_scope.first() {
        lines.push(Line::from(vec![
            Span::styled("  mostly allocated in  ", theme.faint()),
            Span::raw(format!("{}  {}", scope.name, percent(scope.bytes.0, bytes.0))),
        ]));
    }
    Section::lines(rest, lines)
}

/// The heap over the whole run.
pub(crate) fn over_time<'a>(run: &'a Run, theme: Theme) -> Option<Section<'a>> {
    let track = run.track()?;
    let mut legend = vec![Span::styled("Over time  ", theme.strong())];
    let shown = [Series::Allocated, Series::Active, Series::Reserved];
    for series in shown.into_iter().filter(|series| track.has_segments() || *series != Series::Reserved) {
        legend.push(Span::styled(format!(" {} ", series_sign(series)), theme.series(series)));
        legend.push(Span::raw(format!("{} ", series.name())));
    }
    legend.push(Span::styled(format!(" {} ", theme::PEAK), theme.peak()));
    legend.push(Span::raw("peak"));
    let mut whole = run.window;
    whole.show_all();
    let peak = run.heap()?.peak.time_ns;
    let draw = move |area: Rect, buffer: &mut Buffer| {
        let area = Rect { x: area.x + 2, width: area.width.saturating_sub(2), ..area };
        let top = top(track, whole);
        MemoryChart { track, window: whole, top, peak, theme }.render(area, buffer);
    };
    Some(Section::picture(Line::from(legend), CHART_ROWS, draw))
}

fn figures(heap: &Heap, theme: Theme, cells: usize) -> Vec<Line<'static>> {
    let Peak { figures, .. } = &heap.peak;
    let mut text = String::from("  ");
    if let Some(reserved) = figures.reserved_bytes {
        text += &format!("reserved {reserved} · ");
    }
    text += &format!("active {} · requested {}", figures.active_bytes, figures.requested_bytes);
    let known = match heap.known {
        Known::Exact => "exact",
        Known::Baseline => "at least (not all was recorded)",
        Known::Sampled => "from samples",
    };
    if width(&text) + width(known) + BETWEEN.len() > cells {
        return vec![Line::raw(text), Line::styled(format!("  {known}"), theme.faint())];
    }
    vec![Line::from(vec![Span::raw(text), Span::styled(format!("{BETWEEN}{known}"), theme.faint())])]
}

fn shares(shares: &[Share], whole: u64, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let shown = if shares.len() > MAX_OWNERS { MAX_OWNERS - 1 } else { MAX_OWNERS };
    let names = (width / 3).clamp(10, 32);
    let bars = width.saturating_sub(names + FIGURES_CELLS + 6);
    let line = |name: &str, bytes: u64, style| {
        Line::from(vec![
            Span::raw(format!("  {}  ", fit_tail(name, names))),
            Span::styled(bar(bytes as f64 / whole.max(1) as f64, bars), style),
            Span::raw(format!(" {:>11}", memtrace_format::Bytes(bytes).to_string())),
            Span::styled(format!(" {:>5}", percent(bytes, whole)), theme.faint()),
        ])
    };
    let style = theme.series(Series::Allocated);
    let mut lines: Vec<Line<'static>> =
        shares.iter().take(shown).map(|share| line(&share.name.to_string(), share.bytes.0, style)).collect();
    if let Some(rest) = shares.get(shown..).filter(|rest| !rest.is_empty()) {
        let bytes = rest.iter().map(|share| share.bytes.0).fold(0, u64::saturating_add);
        lines.push(line(&fit(&format!("{} others", rest.len()), names), bytes, theme.faint()));
    }
    lines
}
