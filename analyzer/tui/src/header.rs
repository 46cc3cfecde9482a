//! The line at the top.

use memtrace_analysis::{Nanos, Text, report::Ended};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::Widget,
};

use super::{
    instant::instant,
    listing::Listing,
    open_run::{Counting, OpenRun},
    theme::Theme,
    widget::{fit, plural, width as cells_of},
};

/// Between two parts of the first line.
const BETWEEN: &str = " · ";
/// The most cells for the text of a filter.
const FILTER_CELLS: usize = 30;
/// The least width that has room for the word before the heap's name.
const ROOMY: u16 = 60;

/// The facts that the line names.
pub(crate) struct Header<'a> {
    /// The name of the file.
    pub(crate) file: &'a Text,
    /// The run; none while it is read.
    pub(crate) run: Option<&'a OpenRun>,
    /// The rows of the view on the screen, where it has rows.
    pub(crate) listing: Option<&'a Listing>,
    /// True while the trace may still grow.
    pub(crate) following: bool,
    /// Colours and styles.
    pub(crate) theme: Theme,
}

/// The file, how the run ended, what is missing, how long it took, the engine: as many of them as fit beside what is looked
/// at.
pub(crate) fn draw(header: &Header<'_>, area: Rect, buffer: &mut Buffer) {
    let theme = header.theme;
    let looked_at = header.run.map_or_else(Line::default, |run| looked_at(run, header, area.width));
    let mut spans = vec![
        Span::styled(" memtrace ", theme.selected()),
        Span::raw(" "),
        Span::styled(header.file.to_string(), theme.strong()),
    ];
    if let Some(run) = header.run {
        let used = Line::from(spans.clone()).width() + looked_at.width() + 1;
        let mut free = usize::from(area.width).saturating_sub(used);
        for part in about(run, header.following, theme) {
            // A part that does not fit is left out whole: half a number is a wrong one.
            let Some(left) = free.checked_sub(part.width() + BETWEEN.len()) else { break };
            free = left;
            spans.extend([Span::styled(BETWEEN, theme.faint()), part]);
        }
    }
    Line::from(spans).render(area, buffer);
    let width = u16::try_from(looked_at.width()).unwrap_or(u16::MAX).min(area.width);
    looked_at.render(Rect { x: area.right() - width, width, ..area }, buffer);
}

fn about(run: &OpenRun, following: bool, theme: Theme) -> Vec<Span<'static>> {
    let trace = &run.report.trace;
    let mut parts = vec![match trace.ended {
        Ended::Clean if trace.run_failed => Span::styled("the run failed", theme.bad()),
        Ended::Clean => Span::raw("ended clean"),
        Ended::Untold => Span::raw("imported"),
        Ended::Killed => Span::styled("killed", theme.bad()),
        Ended::Running if following => Span::styled("following", theme.peak()),
        Ended::Running => Span::styled("still running", theme.strong()),
    }];
    if trace.dropped.total > 0 {
        parts.push(Span::styled(format!("{} lost", plural(trace.dropped.total, "event")), theme.bad()));
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

/// The filter, the range and the heap: what makes figures those of a part.
fn looked_at(run: &OpenRun, header: &Header<'_>, width: u16) -> Line<'static> {
    let theme = header.theme;
    let mut spans = Vec::new();
    if let Some(listing) = header.listing.filter(|listing| !listing.filter().is_empty()) {
        let filter = Text::new(listing.filter()).to_string();
        let rows = format!("{}/{} {filter}", listing.len(), listing.total());
        spans.push(Span::styled(" filter ", theme.key()));
        spans.push(Span::styled(fit(&rows, cells_of(&rows).min(FILTER_CELLS)), theme.strong()));
    }
    if let Some(range) = run.range {
        let step = Nanos(range.to.since(range.from).0 / 20);
        let (from, to) = (instant(range.from, step), instant(range.to, step));
        spans.push(Span::styled(" range ", theme.key()));
        spans.push(Span::styled(format!("{from} – {to}"), theme.strong()));
        match run.counting() {
            Some(Counting::Percent(percent)) => {
                spans.push(Span::styled(format!(" (counting {percent}%)"), theme.faint()));
            }
            Some(Counting::Failed(why)) => {
                spans.push(Span::styled(format!(" (not counted: {why})"), theme.bad()));
            }
            Some(Counting::Counted) | None => {}
        }
    }
    if let Some(heap) = run.heap() {
        let heaps = run.report.heaps.len();
        let of = if heaps > 1 { format!(" {}/{heaps}", run.heap + 1) } else { String::new() };
        if width >= ROOMY {
            spans.push(Span::styled(format!(" heap{of}"), theme.faint()));
        }
        spans.push(Span::styled(format!(" {} ", heap.name), theme.strong()));
    }
    Line::from(spans)
}
