//! The figures at the cursor: a panel beside the chart, or lines below it.

use memtrace_analysis::{
    Text,
    timeline::{Extent, Happening, Series, Sign},
};
use memtrace_format::{Bytes, Tier};
use ratatui::{
    buffer::Buffer,
    text::{Line, Span},
};

use super::{
    axis,
    layout::TimelineLayout,
    residency::place_of,
    stack::{self, Stack},
};
use crate::{
    instant::instant,
    open_run::OpenRun,
    theme::{Theme, series_sign, tier_sign},
    widget::{fit_middle, fit_names, fit_tail, put, width},
};

/// The width of a line of the panel.
const LINE_CELLS: usize = 30;
/// Between two phases, the outer one first.
const INSIDE: &str = " › ";

/// Draws the readout where the layout wants it.
pub(crate) fn draw(
    run: &OpenRun,
    stack: &Stack,
    sampled: Option<String>,
    theme: Theme,
    layout: &TimelineLayout,
    buffer: &mut Buffer,
) {
    let lines = match layout.panel {
        Some(panel) => panel_lines(run, stack, theme, layout.plot.width, usize::from(panel.height)),
        None => below_lines(run, stack, sampled, theme, layout),
    };
    let area = layout.panel.unwrap_or(layout.readout);
    for (line, row) in lines.into_iter().zip(area.rows()) {
        put(&line, row, buffer);
    }
}

fn panel_lines(
    run: &OpenRun,
    stack: &Stack,
    theme: Theme,
    columns: u16,
    height: usize,
) -> Vec<Line<'static>> {
    let mut lines = vec![at(run, theme, columns)];
    for series in shown(run) {
        let value = value(run, series, 2).unwrap_or_else(|| "–".to_owned());
        lines.push(Line::from(vec![
            Span::styled(format!("{} ", series_sign(series)), theme.series(series)),
            Span::raw(format!("{:<10}", series.name())),
            Span::styled(value, theme.strong()),
        ]));
    }
    if let Some(composition) = stack.shown(run) {
        lines.extend(stack::legend(
            composition,
            run,
            theme,
            LINE_CELLS,
            height.saturating_sub(lines.len() + 3),
        ));
    }
    let phases = phases(run);
    if !phases.is_empty() {
        lines.push(Line::from(vec![
            Span::styled("in ", theme.faint()),
            Span::raw(fit_tail(&phases, width(&phases).min(LINE_CELLS - 3))),
        ]));
    }
    lines.extend(event_at(run, columns).into_iter().flat_map(|event| event_lines(event, theme)));
    let resident = on_devices(run);
    let free = height.saturating_sub(lines.len());
    if free >= 2 && !run.tree.rows().is_empty() {
        lines.push(Line::styled("on a device", theme.faint()));
        lines.extend(resident_lines(&resident, theme, free - 1));
    }
    lines
}

fn below_lines(
    run: &OpenRun,
    stack: &Stack,
    sampled: Option<String>,
    theme: Theme,
    layout: &TimelineLayout,
) -> Vec<Line<'static>> {
    let area = layout.readout;
    let brief = area.width < 72;
    let mut figures = if area.height == 1 { at(run, theme, layout.plot.width) } else { Line::raw("") };
    figures.spans.insert(0, Span::raw(" "));
    if let Some(composition) = stack.shown(run) {
        let parts = stack::legend(composition, run, theme, usize::from(area.width) / 3, 4);
        figures
            .spans
            .extend(parts.into_iter().flat_map(|line| line.spans.into_iter().chain([Span::raw("  ")])));
    }
    let brief = brief || stack.shown(run).is_some();
    let all = shown(run).filter(|_| !brief);
    let least = [Series::Allocated, Series::Reserved].into_iter().filter(|_| brief);
    for series in all.chain(least.filter(|series| shown(run).any(|one| one == *series))) {
        let value = value(run, series, 1).unwrap_or_else(|| "–".to_owned());
        let name = if brief { String::new() } else { format!("{} ", series.name()) };
        figures.spans.extend([
            Span::styled(format!("{} ", series_sign(series)), theme.series(series)),
            Span::raw(name),
            Span::styled(value, theme.strong()),
            Span::raw("  "),
        ]);
    }
    if area.height == 1 {
        return vec![figures];
    }
    let mut context = at(run, theme, layout.plot.width);
    context.spans.insert(0, Span::raw(" "));
    if let Some(event) = event_at(run, layout.plot.width) {
        context.spans.extend(event_lines(event, theme).into_iter().flat_map(|line| line.spans));
        context.spans.push(Span::raw("  "));
    }
    let phases = phases(run);
    if !phases.is_empty() {
        context.spans.push(Span::styled(format!("in {phases}  "), theme.faint()));
    }
    if let Some(sampled) = sampled {
        context.spans.push(Span::raw(format!("{sampled}  ")));
    }
    let on_devices: Vec<String> = on_devices(run).into_iter().map(|(name, _)| name).collect();
    if !on_devices.is_empty() {
        context.spans.push(Span::styled("on a device: ", theme.faint()));
        context.spans.push(Span::raw(on_devices.join(", ")));
    }
    vec![figures, context]
}

/// The time of the cursor.
fn at(run: &OpenRun, theme: Theme, columns: u16) -> Line<'static> {
    // A digit more than the columns tell apart: the cursor also stands where a key put it.
    let time = instant(run.cursor, run.window.step(columns.saturating_mul(10)));
    Line::from(vec![Span::styled("at ", theme.faint()), Span::styled(time, theme.strong()), Span::raw("  ")])
}

/// The figures that the heap has.
fn shown(run: &OpenRun) -> impl Iterator<Item = Series> {
    let track = run.track();
    Series::ALL.into_iter().filter(move |series| track.is_some_and(|track| track.has(*series)))
}

fn value(run: &OpenRun, series: Series, precision: usize) -> Option<String> {
    run.track()?.at(series, run.cursor).map(|extent| extent_text(extent, precision))
}

/// One value, or the least and the most of what the recording does not tell apart.
pub(super) fn extent_text(extent: Extent, precision: usize) -> String {
    let Extent { min, max } = extent;
    if min == max {
        return format!("{max:.precision$}");
    }
    // A range says how coarse it is; decimals would only make it long.
    let (min, max) = (format!("{min:.1}"), format!("{max:.1}"));
    match (min.split_once(' '), max.split_once(' ')) {
        (Some((number, unit)), Some((_, other))) if unit == other => format!("{number}–{max}"),
        _ => format!("{min}–{max}"),
    }
}

fn phases(run: &OpenRun) -> String {
    let open = run.lanes.at(&run.report.phases, run.cursor);
    open.map(|phase| phase.name.to_string()).collect::<Vec<_>>().join(INSIDE)
}

/// The event that matters most in the cursor's column; the one the cursor is on, if it is on one.
fn event_at(run: &OpenRun, columns: u16) -> Option<&Sign> {
    let column = run.window.column_of(run.cursor, columns)?;
    let here = |event: &&Sign| run.window.column_of(event.time, columns) == Some(column);
    axis::events(run).iter().filter(here).max_by_key(|event| (event.time == run.cursor, axis::weight(event)))
}

fn event_lines(event: &Sign, theme: Theme) -> Vec<Line<'static>> {
    let (sign, style) = axis::sign(event, theme);
    let what = match &event.what {
        Happening::OutOfMemory { heap, requested } => {
            vec![format!("out of memory on {heap}"), format!("{requested} asked for")]
        }
        Happening::Mark { name, value: 0 } => vec![name.to_string()],
        Happening::Mark { name, value } => vec![name.to_string(), format!("value {value}")],
        Happening::Swap { module, evicted, bytes, took, .. } => {
            let evicted: Vec<String> = evicted.iter().map(Text::to_string).collect();
            vec![format!("{module} in"), format!("{} out", evicted.join(", ")), format!("{bytes} in {took}")]
        }
    };
    let signs = std::iter::once(sign).chain(std::iter::repeat(' '));
    let cut = |text: String| fit_middle(&text, width(&text).min(LINE_CELLS - 2));
    let line = |(sign, text)| Line::from(vec![Span::styled(format!("{sign} "), style), Span::raw(cut(text))]);
    signs.zip(what).map(line).collect()
}

/// The modules that are on a device at the cursor, by what moved them: parts that moved with the whole are left out.
fn on_devices(run: &OpenRun) -> Vec<(String, Option<Bytes>)> {
    let rows = run.tree.rows().iter();
    rows.filter_map(|row| {
        let module = run.timeline.modules.get(row.index)?;
        let on_device = place_of(&module.stays, run.cursor).is_some_and(Tier::is_device);
        let bytes = run.report.modules.get(row.index).and_then(|module| module.bytes);
        (on_device && !module.inherited).then(|| (module.name.to_string(), bytes))
    })
    .collect()
}

fn resident_lines(resident: &[(String, Option<Bytes>)], theme: Theme, rows: usize) -> Vec<Line<'static>> {
    if resident.is_empty() {
        return vec![Line::raw("  no module")];
    }
    let shown = if resident.len() > rows { rows.saturating_sub(1) } else { rows };
    let bytes = |bytes: Option<Bytes>| bytes.map_or(String::new(), |bytes| format!("{bytes:.1}"));
    let names = resident
        .iter()
        .take(shown)
        .map(|(name, of)| (name.clone(), (LINE_CELLS - 3).saturating_sub(width(&bytes(*of)))));
    let names = fit_names(&names.collect::<Vec<_>>());
    let mut lines: Vec<Line<'static>> = resident
        .iter()
        .zip(names)
        .map(|((_, of), name)| {
            let bytes = bytes(*of);
            Line::from(vec![
                Span::styled(format!("{} ", tier_sign(Tier::Device(0))), theme.tier(Tier::Device(0))),
                Span::raw(format!("{name} {bytes}")),
            ])
        })
        .collect();
    if resident.len() > shown {
        lines.push(Line::styled(format!("  and {} more", resident.len() - shown), theme.faint()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_apart_is_a_range() {
        let extent = |min, max| Extent { min: Bytes(min), max: Bytes(max) };
        assert_eq!(extent_text(extent(3 << 20, 3 << 20), 2), "3.00 MiB");
        assert_eq!(extent_text(extent(3 << 20, 5 << 20), 2), "3.0–5.0 MiB");
        assert_eq!(extent_text(extent(3 << 10, 5 << 20), 2), "3.0 KiB–5.0 MiB");
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let theme = Theme { colours: false };
        let resident: Vec<_> = (0..5).map(|n| (format!("m{n}"), None)).collect();
        assert_eq!(resident_lines(&resident, theme, 5).len(), 5);
        let lines = resident_lines(&resident, theme, 3);
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[2].to_string(), "  and 3 more");
    }
}
