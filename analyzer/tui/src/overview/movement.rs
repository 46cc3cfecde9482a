//! The cost of moving modules.

use memtrace_analysis::report::{Direction, ModuleSwaps};
use ratatui::text::{Line, Span};

use crate::{
    open_run::OpenRun,
    theme::Theme,
    widget::{Section, bar, count, fit_names, percent},
};

/// The most modules shown.
const MAX_MODULES: usize = 8;
/// The cells of a direction's figures, and those of how fast it was, which come last.
const DIRECTION_CELLS: usize = 69;
const SPEED_CELLS: usize = 20;
/// Cells for the figures behind a bar: count, bytes, time.
const FIGURES_CELLS: usize = 30;

/// The swaps: what they cost, and whose they were.
pub(crate) fn swaps<'a>(run: &'a OpenRun, theme: Theme, width: u16) -> Option<Section<'a>> {
    let swaps = &run.figures().swaps;
    if swaps.count == 0 {
        return None;
    }
    let run_ns = run.figures().trace.duration_ns.0;
    let mut lines = vec![Line::raw(format!(
        "  forwards waited {} for them, {} of the run",
        swaps.stall_ns,
        percent(swaps.stall_ns.0, run_ns)
    ))];
    if let Some(thrash) = swaps.thrash.filter(|thrash| thrash.count > 0) {
        lines.push(Line::from(vec![
            Span::styled("  thrash  ", theme.strong()),
            Span::raw(format!(
                "{} of what went out came back in the same phase: {} in {}",
                count(thrash.count),
                thrash.bytes,
                thrash.ns
            )),
        ]));
    }
    let most = swaps.by_module.iter().map(|module| module.ns.0).max().unwrap_or(0);
    let width = usize::from(width);
    let shown = &swaps.by_module[..swaps.by_module.len().min(MAX_MODULES)];
    let cells = name_cells(width);
    let names: Vec<_> = shown.iter().map(|module| (module.name.to_string(), cells)).collect();
    let named = fit_names(&names).into_iter().zip(shown);
    lines.extend(named.map(|(name, module)| swap_line(&name, module, most, theme, width)));
    let left = swaps.by_module.len().saturating_sub(MAX_MODULES);
    if left > 0 {
        lines.push(Line::styled(format!("  and {left} more modules"), theme.faint()));
    }
    let cost = format!("{} moved {} in {}", count(swaps.count), swaps.bytes, swaps.ns);
    Some(Section::lines(super::title::title("Swaps", cost, theme), lines))
}

/// The transfers, by direction.
pub(crate) fn transfers<'a>(run: &'a OpenRun, theme: Theme, width: u16) -> Option<Section<'a>> {
    let transfers = &run.figures().transfers;
    if transfers.count == 0 && transfers.unfinished == 0 {
        return None;
    }
    let by = &transfers.by_direction;
    let directions = [
        ("host to device", &by.h2d),
        ("device to host", &by.d2h),
        ("device to device", &by.d2d),
        ("host to host", &by.h2h),
        ("disk", &by.disk),
        ("other", &by.other),
    ];
    // Half a figure is a wrong one: a column that does not fit is left out.
    let cells = usize::from(width);
    let cut = move |line: String| match line.char_indices().nth(DIRECTION_CELLS - SPEED_CELLS) {
        Some((at, _)) if cells < DIRECTION_CELLS => line[..at].to_owned(),
        _ => line,
    };
    let head =
        format!("  {:<16}{:>7}{:>13}{:>11}{:>10}{:>10}", "", "times", "bytes", "time", "median", "fastest");
    let mut lines = vec![Line::styled(cut(head), theme.faint())];
    let moved = directions.into_iter().filter(|(_, one)| one.count > 0);
    lines.extend(moved.map(|(name, one)| Line::raw(cut(direction_line(name, one)))));
    if transfers.unfinished > 0 {
        lines.push(Line::raw(format!("  {} began and did not end", count(transfers.unfinished))));
    }
    let rest = format!("{} moved {} in {}", count(transfers.count), transfers.bytes, transfers.ns);
    lines.insert(0, Line::raw(format!("  forwards waited {} for them", transfers.stall_ns)));
    Some(Section::lines(super::title::title("Transfers", rest, theme), lines))
}

/// The cells for the name of a module.
fn name_cells(width: usize) -> usize {
    (width / 3).clamp(10, 32)
}

fn swap_line(name: &str, module: &ModuleSwaps, most: u64, theme: Theme, width: usize) -> Line<'static> {
    let bars = width.saturating_sub(name_cells(width) + FIGURES_CELLS + 6).min(24);
    Line::from(vec![
        Span::raw(format!("  {name}  ")),
        Span::styled(bar(module.ns.0 as f64 / most.max(1) as f64, bars), theme.swap()),
        Span::raw(format!(
            " {:>5}×{:>12}{:>11}",
            count(module.count),
            module.bytes.to_string(),
            module.ns.to_string()
        )),
    ])
}

fn direction_line(name: &str, one: &Direction) -> String {
    let speed = |of: fn(&memtrace_analysis::report::Bandwidth) -> f64| match &one.gbps {
        Some(speed) => format!("{:.1} GB/s", of(speed)),
        None => "–".to_owned(),
    };
    format!(
        "  {name:<16}{:>7}{:>13}{:>11}{:>10}{:>10}",
        count(one.count),
        one.bytes.to_string(),
        one.ns.to_string(),
        speed(|speed| speed.p50),
        speed(|speed| speed.max),
    )
}
