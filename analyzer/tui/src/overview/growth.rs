//! Growth: for each growing heap the first cycle that shows it, and the largest owner.

use memtrace_analysis::report::{Cycle, CycleHeap, Shape, is_nobody};
use ratatui::text::{Line, Span};

use crate::{
    listing::Cell,
    open_run::OpenRun,
    theme::Theme,
    widget::{Section, fit, plural, spark, spark_ends, width as cells_of},
};

/// The most heaps.
const MAX_HEAPS: usize = 4;
/// The cells for the name of a heap.
const HEAP_CELLS: usize = 10;

/// The heaps that grow; none: none does.
pub(crate) fn growing<'a>(run: &'a OpenRun, theme: Theme, width: u16) -> Option<Section<'a>> {
    let mut growing: Vec<(&Cycle, &CycleHeap)> = Vec::new();
    for cycle in &run.figures().growth.cycles {
        for heap in cycle.heaps.iter().filter(|heap| heap.trend.shape == Shape::Grows) {
            if growing.iter().all(|(_, known)| known.heap != heap.heap) {
                growing.push((cycle, heap));
            }
        }
    }
    let (first, _) = growing.first()?;
    let rest =
        format!("each time {} {} ends, {}", first.source.name(), first.name, plural(first.count, "time"));
    let lines = growing.iter().take(MAX_HEAPS).flat_map(|(_, heap)| heap_lines(heap, theme, width.into()));
    Some(Section::lines(super::title::title("Growth", rest, theme), lines.collect()))
}

fn heap_lines(heap: &CycleHeap, theme: Theme, cells: usize) -> Vec<Line<'static>> {
    let kept = heap.trend.retained_bytes_per_cycle.map_or(Cell::Unknown, Cell::Change);
    let levels: Vec<_> = heap.levels.iter().map(|level| level.bytes).collect();
    let ends = spark_ends(&levels, None);
    let before = format!("  {} {kept:>12}  {} ", fit(&heap.heap.to_string(), HEAP_CELLS), ends.0);
    let behind = format!(" {}", ends.1);
    let room = cells.saturating_sub(cells_of(&before) + cells_of(&behind));
    let mut lines = vec![Line::from(vec![
        Span::raw(before),
        Span::styled(spark(&levels, ends, room), theme.bad()),
        Span::raw(behind),
    ])];
    if let Some(owner) = heap.by_module.iter().find(|owner| !is_nobody(&owner.name)) {
        lines.push(Line::from(vec![
            Span::styled(format!("  {} most by module  ", fit("", HEAP_CELLS)), theme.faint()),
            Span::styled(owner.name.to_string(), theme.strong()),
            Span::raw(format!("  {}", Cell::Change(owner.bytes))),
        ]));
    }
    lines
}
