//! The rows below the chart: events, times, phases.

use memtrace_analysis::{
    Nanos,
    timeline::{Happening, Sign},
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
    widgets::Widget,
};

use super::layout::TimelineLayout;
use crate::{
    instant::on_axis,
    open_run::OpenRun,
    theme::{self, Theme},
    widget::{count, fit, width},
    window::Window,
};

/// The columns that a label of a time needs at least.
const LABEL_CELLS: u16 = 10;

/// Draws the events, the times and the phases.
pub(crate) fn draw(run: &OpenRun, theme: Theme, layout: &TimelineLayout, buffer: &mut Buffer) {
    draw_events(run, theme, layout.events, buffer);
    draw_marks(run, theme, layout.events, buffer);
    draw_times(run.window, theme, layout.times, buffer);
    draw_range(run, theme, layout.times, buffer);
    draw_phases(run, theme, layout.lanes, buffer);
    let events = events_label(run.timeline.instants_left_out, usize::from(layout.gutter.width));
    let labels = [(events.as_str(), layout.events), ("time", layout.times), ("phases", layout.lanes)];
    for (label, part) in labels {
        for (row, label) in layout.beside(part).rows().zip([label].into_iter().chain(std::iter::repeat(""))) {
            Line::styled(format!("{label} │"), theme.faint()).right_aligned().render(row, buffer);
        }
    }
}

/// Says how many events are not there, because there were too many.
fn events_label(left_out: u64, cells: usize) -> String {
    let more = format!("events, {} not shown", count(left_out));
    match left_out {
        0 => "events".to_owned(),
        _ if width(&more) + 2 <= cells => more,
        _ => "events…".to_owned(),
    }
}

/// The sign and the style of an event.
pub(crate) fn sign(event: &Sign, theme: Theme) -> (char, Style) {
    match event.what {
        Happening::OutOfMemory { .. } => (theme::OUT_OF_MEMORY, theme.bad()),
        Happening::Mark { .. } => (theme::MARK, theme.strong()),
        Happening::Swap { .. } => (theme::SWAP, theme.swap()),
    }
}

/// The events in the window, in the order of time.
pub(crate) fn events(run: &OpenRun) -> &[Sign] {
    let instants = &run.timeline.instants;
    let first = instants.partition_point(|instant| instant.time < run.window.from());
    let last = instants.partition_point(|instant| instant.time <= run.window.to());
    &instants[first..last]
}

/// The more an event matters, the larger: it is the one to show where there is room for one.
pub(crate) fn weight(event: &Sign) -> u8 {
    match event.what {
        Happening::OutOfMemory { .. } => 2,
        Happening::Mark { .. } => 1,
        Happening::Swap { .. } => 0,
    }
}

fn draw_events(run: &OpenRun, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let mut heaviest = vec![None::<&Sign>; usize::from(area.width)];
    for event in events(run) {
        let Some(column) = run.window.column_of(event.time, area.width) else { continue };
        let slot = &mut heaviest[usize::from(column)];
        if slot.is_none_or(|other| weight(event) > weight(other)) {
            *slot = Some(event);
        }
    }
    for (x, event) in (area.x..).zip(heaviest) {
        let Some(event) = event else { continue };
        let (sign, style) = sign(event, theme);
        if let Some(cell) = buffer.cell_mut((x, area.y)) {
            cell.set_char(sign).set_style(style);
        }
    }
}

/// The letters of the instants that the user has named.
fn draw_marks(run: &OpenRun, theme: Theme, area: Rect, buffer: &mut Buffer) {
    for (&name, &time) in &run.marks {
        let column = run.window.column_of(time, area.width);
        if let Some(cell) = column.and_then(|column| buffer.cell_mut((area.x + column, area.y))) {
            cell.set_char(name).set_style(theme.key());
        }
    }
}

/// The range, on the times that it has.
fn draw_range(run: &OpenRun, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let Some(range) = run.range else { return };
    let end = Nanos(range.to.0.saturating_add(1));
    if let Some((first, last)) = run.window.columns_of(range.from, end, area.width) {
        let part = Rect { x: area.x + first, width: last - first + 1, ..area };
        buffer.set_style(part, theme.selected());
    }
}

/// Draws times below a plot with as many columns, as many as there is room for.
pub(crate) fn draw_times(window: Window, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let step = round_step(window.length(), area.width / LABEL_CELLS);
    let first = window.from().0.div_ceil(step.0);
    for tick in first.. {
        let Some(time) = tick.checked_mul(step.0).map(Nanos) else { break };
        let Some(column) = window.column_of(time, area.width) else { break };
        let label = format!("╵{}", on_axis(time, step, window.to()));
        let rest = Rect { x: area.x + column, width: area.width - column, ..area };
        if width(&label) <= usize::from(rest.width) {
            Line::styled(label, theme.faint()).render(rest, buffer);
        }
        if time >= window.to() {
            break;
        }
    }
}

/// The shortest of 1, 2, 5, 10, … that divides a length into at most so many parts.
fn round_step(length: Nanos, parts: u16) -> Nanos {
    let least = length.0 / u64::from(parts.max(1));
    let mut power: u64 = 1;
    loop {
        for factor in [1, 2, 5] {
            let step = power.saturating_mul(factor);
            if step >= least {
                return Nanos(step);
            }
        }
        power = power.saturating_mul(10);
    }
}

fn draw_phases(run: &OpenRun, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let phases = &run.report.phases;
    for (row, lane) in area.rows().zip(run.lanes.lanes()) {
        let first = lane.partition_point(|&index| phases[index].to_ns < run.window.from());
        for &index in &lane[first..] {
            let phase = &phases[index];
            if phase.from_ns >= run.window.to() {
                break;
            }
            let columns = run.window.columns_of(phase.from_ns, phase.to_ns, area.width);
            let Some((first, last)) = columns else { continue };
            let cells = usize::from(last - first + 1);
            let span = Rect { x: row.x + first, width: last - first + 1, ..row };
            Line::from(span_of(&phase.name.to_string(), cells, theme)).render(span, buffer);
        }
    }
}

/// A phase in so many cells: its ends, and as much of its name as fits between them.
fn span_of(name: &str, cells: usize, theme: Theme) -> Vec<Span<'static>> {
    let inner = cells.saturating_sub(2);
    match (cells, inner) {
        (1, _) => vec![Span::styled("╎", theme.faint())],
        (_, 0..3) => vec![Span::styled(format!("├{}┤", "─".repeat(inner)), theme.faint())],
        _ => {
            let named = width(name).min(inner);
            vec![
                Span::styled("├", theme.faint()),
                Span::raw(fit(name, named)),
                Span::styled(format!("{}┤", "─".repeat(inner - named)), theme.faint()),
            ]
        }
    }
}

/// A line at the cursor through these rows of a plot, where nothing is drawn; what is drawn there is turned around.
pub(crate) fn draw_cursor(
    run: &OpenRun,
    theme: Theme,
    plot: Rect,
    rows: impl IntoIterator<Item = u16>,
    buffer: &mut Buffer,
) {
    let Some(column) = run.window.column_of(run.cursor, plot.width) else { return };
    for y in rows {
        let Some(cell) = buffer.cell_mut((plot.x + column, y)) else { continue };
        if cell.symbol() == " " {
            cell.set_symbol("│").set_style(theme.strong());
        } else {
            cell.set_style(theme.selected());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_lie_on_round_times() {
        assert_eq!(round_step(Nanos(1000), 5), Nanos(200));
        assert_eq!(round_step(Nanos(1001), 5), Nanos(200));
        assert_eq!(round_step(Nanos(1006), 5), Nanos(500));
        assert_eq!(round_step(Nanos(1), 0), Nanos(1));
        assert_eq!(round_step(Nanos(u64::MAX), 1), Nanos(u64::MAX));
    }
}
