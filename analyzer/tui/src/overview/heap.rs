//! Fragmentation of the heap, and a list of all heaps.

use memtrace_analysis::report::FragmentationAt;
use ratatui::text::{Line, Span};

use crate::{
    open_run::OpenRun,
    theme::Theme,
    widget::{Section, count, fit},
};

/// The fragmentation of the heap that is looked at, at three instants.
pub(crate) fn fragmentation<'a>(run: &'a OpenRun, theme: Theme) -> Option<Section<'a>> {
    let heap = run.heap_figures()?;
    let fragmentation = heap.fragmentation.as_ref()?;
    let head = format!(
        "  {:<8}{:>9}{:>9}{:>12}{:>13}{:>8}{:>11}",
        "", "external", "in use", "inactive", "largest hole", "holes", "at"
    );
    let instants = [
        ("at peak", &fragmentation.at_peak),
        ("worst", &fragmentation.worst),
        ("at end", &fragmentation.end),
    ];
    let mut lines = vec![Line::styled(head, theme.faint())];
    lines.extend(instants.map(|(name, at)| Line::raw(fragmentation_line(name, at))));
    Some(Section::lines(super::title::title("Fragmentation", format!("of {}", heap.name), theme), lines))
}

/// Every heap, if there is more than the one above.
pub(crate) fn heaps<'a>(run: &'a OpenRun, theme: Theme) -> Option<Section<'a>> {
    let heaps = &run.figures().heaps;
    if heaps.len() < 2 {
        return None;
    }
    let head =
        format!("  {}{:>12}{:>12}{:>12}{:>12}", fit("", 14), "peak", "reserved", "at end", "blocks left");
    let mut lines = vec![Line::styled(head, theme.faint())];
    let looked_at = run.heap().map(|heap| &heap.name);
    for heap in heaps {
        let here = Some(&heap.name) == looked_at;
        let reserved = heap.reserved_peak.map_or("–".to_owned(), |peak| peak.bytes.to_string());
        let text = format!(
            "{}{:>12}{reserved:>12}{:>12}{:>12}",
            fit(&heap.name.to_string(), 14),
            heap.peak.figures.allocated_bytes.to_string(),
            heap.end.allocated_bytes.to_string(),
            count(heap.end_blocks),
        );
        let style = if here { theme.strong() } else { ratatui::style::Style::new() };
        lines.push(Line::from(vec![Span::raw(if here { "› " } else { "  " }), Span::styled(text, style)]));
    }
    Some(Section::lines(super::title::title("Heaps", format!("{}", heaps.len()), theme), lines))
}

fn fragmentation_line(name: &str, at: &FragmentationAt) -> String {
    let ratio = |ratio: Option<f64>| ratio.map_or("–".to_owned(), |ratio| format!("{:.0}%", ratio * 100.0));
    format!(
        "  {name:<8}{:>9}{:>9}{:>12}{:>13}{:>8}{:>11}",
        ratio(at.external),
        ratio(at.active_over_reserved),
        at.inactive_bytes.to_string(),
        at.largest_free_bytes.to_string(),
        count(at.free_blocks),
        at.time_ns.to_string(),
    )
}
