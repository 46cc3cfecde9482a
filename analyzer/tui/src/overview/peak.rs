//! The owners of the peak, and the course of the heap.

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
    memory_chart::{MemoryChart, draw_scale, top},
    open_run::OpenRun,
    theme::{self, Theme, series_sign},
    timeline::draw_times,
    widget::{Section, bar, fit, fit_names, percent, width},
};

/// The separator between two figures.
const BETWEEN: &str = " · ";
/// The most owners shown; the rest is one sum.
const MAX_OWNERS: usize = 8;
/// The height of the chart, and of its axis of time below it.
const CHART_ROWS: u16 = 5;
const TIMES_ROWS: u16 = 1;
/// The cells for the chart's scale.
const SCALE_CELLS: u16 = 12;
/// Cells for the figures behind a bar: the bytes and their share of the whole.
const FIGURES_CELLS: usize = 18;

/// The peak of the heap that is looked at, and its owners by module.
pub(crate) fn owners<'a>(run: &'a OpenRun, theme: Theme, width: u16) -> Section<'a> {
    let Some(heap) = run.heap_figures() else {
        let lines = vec![Line::raw("  no heap was recorded")];
        return Section::lines(Line::styled("Peak", theme.strong()), lines);
    };
    let peak = &heap.peak;
    let (bytes, of) = match peak.by {
        PeakBy::Allocated => (peak.figures.allocated_bytes, "allocated"),
        PeakBy::Requested => (peak.by.of(&peak.figures), "requested"),
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
pub(crate) fn over_time<'a>(run: &'a OpenRun, theme: Theme) -> Option<Section<'a>> {
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
        let scale = Rect { width: SCALE_CELLS.min(area.width), height: CHART_ROWS.min(area.height), ..area };
        let plot = Rect { x: scale.right(), width: area.width - scale.width, ..scale };
        let times = Rect { y: plot.bottom(), height: area.height - plot.height, ..plot };
        let top = top(track, whole);
        MemoryChart { track, window: whole, top, peak, theme }.render(plot, buffer);
        draw_scale(top, theme, scale, buffer);
        draw_times(whole, theme, times, buffer);
    };
    Some(Section::picture(Line::from(legend), CHART_ROWS + TIMES_ROWS, draw))
}

fn figures(heap: &Heap, theme: Theme, cells: usize) -> Vec<Line<'static>> {
    let Peak { figures, .. } = &heap.peak;
    let mut text = String::from("  ");
    if let Some(reserved) = figures.reserved_bytes {
        text += &format!("reserved {reserved} · ");
    }
    text += &format!("active {}", figures.active_bytes);
    if let Some(requested) = figures.requested_bytes {
        text += &format!(" · requested {requested}");
    }
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
            Span::raw(format!("  {name}  ")),
            Span::styled(bar(bytes as f64 / whole.max(1) as f64, bars), style),
            Span::raw(format!(" {:>11}", memtrace_format::Bytes(bytes).to_string())),
            Span::styled(format!(" {:>5}", percent(bytes, whole)), theme.faint()),
        ])
    };
    let style = theme.series(Series::Allocated);
    let owners: Vec<_> = shares.iter().take(shown).map(|share| (share.name.to_string(), names)).collect();
    let owners = fit_names(&owners).into_iter().zip(shares);
    let mut lines: Vec<Line<'static>> =
        owners.map(|(name, share)| line(&name, share.bytes.0, style)).collect();
    if let Some(rest) = shares.get(shown..).filter(|rest| !rest.is_empty()) {
        let bytes = rest.iter().map(|share| share.bytes.0).fold(0, u64::saturating_add);
        lines.push(line(&fit(&format!("{} others", rest.len()), names), bytes, theme.faint()));
    }
    lines
}
