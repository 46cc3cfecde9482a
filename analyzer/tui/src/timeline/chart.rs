//! The chart of the heap, its scale and its peak.

use memtrace_analysis::report::Heap;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::Widget,
};

use super::{
    layout::TimelineLayout,
    stack::{self, Stack},
};
use crate::{
    instant::instant,
    memory_chart::{MemoryChart, draw_scale, top},
    open_run::OpenRun,
    theme::{self, Theme},
};

/// The range of time is told as exactly as if it had so many columns.
const RANGE_STEPS: u16 = 20;

/// Draws the headline, the scale and the chart.
pub(crate) fn draw(run: &OpenRun, stack: &Stack, theme: Theme, layout: &TimelineLayout, buffer: &mut Buffer) {
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
    run: &OpenRun,
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
        format!("{} requested", peak.by.of(&peak.figures))
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
