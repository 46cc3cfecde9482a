//! The chart of the heap, its scale and its peak.

use memtrace_analysis::report::Heap;
use memtrace_format::Bytes;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::Widget,
};

use super::{
    layout::Layout,
    stack::{self, Stack},
};
use crate::{
    instant::instant,
    memory_chart::{MemoryChart, top},
    run::Run,
    theme::{self, Theme},
};

/// The range of time is told as exactly as if it had so many columns.
const RANGE_STEPS: u16 = 20;

/// Draws the headline, the scale and the chart.
pub(crate) fn draw(run: &Run, stack: &Stack, theme: Theme, layout: &Layout, buffer: &mut Buffer) {
    let Some(heap) = run.heap() else {
        return Line::styled("no heap was recorded", theme.faint()).render(layout.plot, buffer);
    };
    draw_title(run, heap, stack.says(run), theme, layout.title, buffer);
    let Some(track) = run.track() else {
        return Line::styled("there are too many heaps to chart this one", theme.faint())
            .render(layout.plot, buffer);
    };
    let top = top(track, run.window);
    match stack.shown(run) {
        Some(composition) => stack::draw(composition, run, theme, layout.plot, buffer),
        None => MemoryChart { track, window: run.window, top, peak: heap.peak.time_ns, theme }
            .render(layout.plot, buffer),
    }
    draw_scale(top, theme, layout.beside(layout.plot), buffer);
}

fn draw_title(
    run: &Run,
    heap: &Heap,
    stacked: Option<String>,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let window = run.window;
    let peak = &heap.peak;
    let most = if peak.by == memtrace_analysis::report::PeakBy::Allocated {
        format!("{} allocated", peak.figures.allocated_bytes)
    } else {
        format!("{} requested", peak.figures.requested_bytes)
    };
    let stacked = stacked.map_or(String::new(), |stacked| format!(" {stacked}"));
    let left = Line::from(vec![
        Span::raw(" "),
        Span::styled(heap.name.to_string(), theme.strong()),
        Span::styled(stacked, theme.key()),
        Span::raw("  "),
        Span::styled(theme::PEAK.to_string(), theme.peak()),
        Span::raw(format!(" peak {most} at {}", peak.time_ns)),
    ]);
    let range = if window.is_whole() {
        format!("the whole run: {} ", window.length())
    } else {
        let step = window.step(RANGE_STEPS);
        let (from, to) = (instant(window.from(), step), instant(window.to(), step));
        format!("{from} to {to} of {} ", run.timeline.end)
    };
    let right = Line::styled(range, theme.faint());
    let fits = left.width() + right.width() < usize::from(area.width);
    left.render(area, buffer);
    if fits {
        right.right_aligned().render(area, buffer);
    }
}

/// Labels at the top, the middle and the foot.
fn draw_scale(top: Bytes, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let labels = [(0, top), (area.height / 2, Bytes(top.0 / 2)), (area.height.saturating_sub(1), Bytes(0))];
    let decimals = usize::from(area.width >= 12);
    for (index, row) in area.rows().enumerate() {
        let label = labels.iter().rev().find(|(at, _)| usize::from(*at) == index);
        let text = label.map_or(String::new(), |(_, bytes)| format!("{bytes:.decimals$}"));
        Line::styled(format!("{text} │"), theme.faint()).right_aligned().render(row, buffer);
    }
}
