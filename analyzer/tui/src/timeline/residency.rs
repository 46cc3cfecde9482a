//! The modules, one a row: where each was over time, and where it is at the cursor.

use std::collections::BTreeMap;

use memtrace_analysis::{Nanos, Text, report::Stay, timeline::ModuleTrack};
use memtrace_format::Tier;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Modifier, Style},
    text::{Line, Span},
    widgets::Widget,
};

use super::layout::TimelineLayout;
use crate::{
    listing::{Folding, Listing, Row},
    open_run::OpenRun,
    theme::{PARTLY_ON_DEVICE, Theme, tier_sign},
    widget::{fit, fit_names, put, width},
};

/// Draws the headline and the modules that are scrolled to.
pub(crate) fn draw(
    run: &OpenRun,
    modules: &Listing,
    theme: Theme,
    layout: &TimelineLayout,
    buffer: &mut Buffer,
) {
    draw_title(run, modules, theme, layout, buffer);
    let names = names(run, modules, usize::from(layout.gutter.width).saturating_sub(4));
    for (((row, selected), text), bar) in modules.on_screen().zip(names).zip(layout.modules.rows()) {
        let Ok(index) = usize::try_from(row.id) else { continue };
        let Some(module) = run.timeline.modules.get(index) else { continue };
        let name = layout.beside(bar);
        let folding = modules.folding(row);
        let before = if folding == Folding::Folded { folding.sign() } else { ' ' };
        draw_name(run, index, module, format!("{before}{text}"), theme, name, buffer);
        if selected {
            buffer.set_style(Rect { width: name.width.saturating_sub(2), ..name }, theme.selected());
        }
        draw_bar(run, index, module, theme, bar, buffer);
        if let Some(panel) = layout.panel {
            draw_figures(run, index, module, Rect { y: bar.y, height: 1, ..panel }, buffer);
        }
    }
}

/// Returns the tier of a module at an instant.
pub(crate) fn place_of(stays: &[Stay], time: Nanos) -> Option<Tier> {
    let begun = stays.partition_point(|stay| stay.from_ns <= time);
    let stay = stays.get(begun.checked_sub(1)?)?;
    // The last stay lasts as long as the trace, whose last instant is one, too.
    (time < stay.to_ns || (time == stay.to_ns && begun == stays.len())).then_some(stay.tier)
}

fn draw_title(run: &OpenRun, modules: &Listing, theme: Theme, layout: &TimelineLayout, buffer: &mut Buffer) {
    let all = modules.len();
    let first = modules.top() + 1;
    let last = (modules.top() + usize::from(layout.modules.height)).min(all);
    let which =
        if first == 1 && last == all { all.to_string() } else { format!("{first}–{last} of {all}") };
    let mut spans = vec![Span::styled(format!(" modules {which}"), theme.strong()), Span::raw("   ")];
    let device = Tier::Device(0);
    let others = [
        (PARTLY_ON_DEVICE, device, "partly"),
        (tier_sign(Tier::Pinned), Tier::Pinned, "pinned"),
        (tier_sign(Tier::Host), Tier::Host, "host"),
        (tier_sign(Tier::Disk), Tier::Disk, "disk"),
    ];
    let others = others.map(|(sign, tier, name)| (sign, tier, name.to_owned()));
    let devices = device_legend(run).into_iter().map(|(tier, name)| (tier_sign(tier), tier, name));
    for (sign, tier, name) in devices.chain(others) {
        spans.extend([Span::styled(format!("{sign} "), theme.tier(tier)), Span::raw(format!("{name}  "))]);
    }
    put(&Line::from(spans), layout.modules_title, buffer);
}

/// Returns the devices with their names in a legend: `device` where there is but one.
pub(crate) fn device_legend(run: &OpenRun) -> Vec<(Tier, String)> {
    match run.tree.devices() {
        several @ [_, _, ..] => several.iter().map(|device| (*device, device.to_string())).collect(),
        _ => vec![(Tier::Device(0), "device".to_owned())],
    }
}

/// Returns the names of the modules on the screen, each in so many cells and indented below its parents'.
pub(crate) fn names(run: &OpenRun, modules: &Listing, cells: usize) -> Vec<String> {
    let indent = |row: &Row| " ".repeat(row.depth.min(cells / 2));
    let name = |row: &Row| {
        let module = usize::try_from(row.id).ok().and_then(|index| run.timeline.modules.get(index));
        let name = module.map_or_else(String::new, |module| own_name(run, module).to_string());
        (name, cells - width(&indent(row)))
    };
    let names: Vec<(String, usize)> = modules.on_screen().map(|(row, _)| name(row)).collect();
    let rows = modules.on_screen().map(|(row, _)| indent(row));
    rows.zip(fit_names(&names)).map(|(indent, name)| indent + &name).collect()
}

/// Draws the name of a module, as [`names`] has it, and the sign of the tier at the cursor.
pub(crate) fn draw_name(
    run: &OpenRun,
    index: usize,
    module: &ModuleTrack,
    name: String,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let (sign, style) =
        match (place_of(&module.stays, run.cursor), place_of(run.tree.stays_of_parts(index), run.cursor)) {
            (Some(tier), _) => (tier_sign(tier), theme.tier(tier)),
            (None, Some(tier)) if tier.is_device() => (PARTLY_ON_DEVICE, theme.tier(tier)),
            (None, Some(tier)) => (tier_sign(tier), theme.tier(tier)),
            (None, None) => (' ', Style::new()),
        };
    let line = Line::from(vec![
        Span::styled(name, if module.inherited { theme.faint() } else { Style::new() }),
        Span::raw(" "),
        Span::styled(sign.to_string(), style),
        Span::styled("│", theme.faint()),
    ]);
    line.render(area, buffer);
}

/// The part of the name that the rows above do not say.
pub(crate) fn own_name(run: &OpenRun, module: &ModuleTrack) -> Text {
    let parent = run.timeline.modules.iter().find(|other| Some(other.id) == module.parent);
    let own = parent.and_then(|parent| module.name.recorded().strip_prefix(parent.name.recorded()));
    match own.and_then(|own| own.strip_prefix('.')) {
        Some(own) if !own.is_empty() => Text::new(own),
        _ => module.name.clone(),
    }
}

fn draw_bar(
    run: &OpenRun,
    index: usize,
    module: &ModuleTrack,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let mut before = None;
    for column in 0..area.width {
        let from = run.window.time_at(column, area.width);
        let to = run.window.time_at(column + 1, area.width);
        let shown = shown_of(run, index, module, from, to);
        let begins = shown != before;
        before = shown;
        let Some((tier, wholly)) = shown else { continue };
        let Some(cell) = buffer.cell_mut((area.x + column, area.y)) else { continue };
        let mut style = theme.tier(tier);
        if module.inherited {
            style = style.add_modifier(Modifier::DIM);
        }
        cell.set_style(style);
        match tier {
            Tier::Device(ordinal) if run.tree.several_devices() && begins && wholly => {
                let digit = char::from_digit(u32::from(ordinal % 10), 10).expect("it is below ten");
                cell.set_char(digit).set_style(style.add_modifier(Modifier::REVERSED));
            }
            Tier::Device(_) if !wholly => {
                cell.set_char(PARTLY_ON_DEVICE);
            }
            _ => {
                cell.set_char(tier_sign(tier));
            }
        }
    }
}

/// Returns the tier of a module that a column shows, as [`shown_in`]; of one that is moved in parts, that of its parts, never
/// wholly on a device.
pub(crate) fn shown_of(
    run: &OpenRun,
    index: usize,
    module: &ModuleTrack,
    from: Nanos,
    to: Nanos,
) -> Option<(Tier, bool)> {
    if !module.stays.is_empty() {
        return shown_in(&module.stays, from, to);
    }
    let (tier, wholly) = shown_in(run.tree.stays_of_parts(index), from, to)?;
    Some((tier, wholly && !tier.is_device()))
}

/// Returns the tier that a column shows: a device if the module was on one at all, else the one of the longest stay; and
/// true if the module was there all the time.
pub(crate) fn shown_in(stays: &[Stay], from: Nanos, to: Nanos) -> Option<(Tier, bool)> {
    let to = to.max(Nanos(from.0.saturating_add(1)));
    let first = stays.partition_point(|stay| stay.to_ns <= from);
    let mut times: BTreeMap<Tier, Nanos> = BTreeMap::new();
    for stay in stays[first..].iter().take_while(|stay| stay.from_ns < to) {
        let time = stay.to_ns.min(to).since(stay.from_ns.max(from));
        let sum = times.entry(stay.tier).or_default();
        *sum = sum.plus(time.max(Nanos(1)));
    }
    let longest = |device: bool| {
        let candidates = times.iter().filter(move |(tier, _)| tier.is_device() == device);
        candidates.max_by_key(|(_, time)| **time).map(|(tier, _)| *tier)
    };
    match (longest(true), longest(false)) {
        (Some(device), elsewhere) => Some((device, elsewhere.is_none())),
        (None, elsewhere) => elsewhere.map(|tier| (tier, times.len() == 1)),
    }
}

/// Returns the tier of a module at the cursor, or that parts of it are on a device.
pub(crate) fn place_in_words(run: &OpenRun, index: usize, module: &ModuleTrack) -> String {
    match (place_of(&module.stays, run.cursor), place_of(run.tree.stays_of_parts(index), run.cursor)) {
        (Some(tier), _) => tier.to_string(),
        (None, Some(tier)) if tier.is_device() => "partly".to_owned(),
        (None, Some(tier)) => tier.to_string(),
        (None, None) => String::new(),
    }
}

fn draw_figures(run: &OpenRun, index: usize, module: &ModuleTrack, area: Rect, buffer: &mut Buffer) {
    let place = place_in_words(run, index, module);
    let bytes = run.report.modules.get(index).and_then(|module| module.bytes);
    let bytes = bytes.map_or(String::new(), |bytes| bytes.to_string());
    Line::raw(format!("{}{bytes:>11}", fit(&place, 12))).render(area, buffer);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stay(tier: Tier, from: u64, to: u64) -> Stay {
        Stay { tier, from_ns: Nanos(from), to_ns: Nanos(to) }
    }

    #[test]
    fn a_short_visit_to_a_device_is_seen_at_every_zoom() {
        let stays = [stay(Tier::Host, 0, 500), stay(Tier::Device(0), 500, 501), stay(Tier::Host, 501, 1000)];
        assert_eq!(shown_in(&stays, Nanos(0), Nanos(1000)), Some((Tier::Device(0), false)));
        assert_eq!(shown_in(&stays, Nanos(500), Nanos(501)), Some((Tier::Device(0), true)));
        assert_eq!(shown_in(&stays, Nanos(501), Nanos(900)), Some((Tier::Host, true)));
        assert_eq!(shown_in(&stays, Nanos(1001), Nanos(1002)), None);
        assert_eq!(shown_in(&[], Nanos(0), Nanos(1)), None);
    }

    #[test]
    fn a_module_is_somewhere_until_the_very_end() {
        let stays = [stay(Tier::Disk, 10, 20), stay(Tier::Host, 20, 30)];
        let places = [9, 10, 19, 20, 30, 31].map(|time| place_of(&stays, Nanos(time)));
        assert_eq!(
            places,
            [None, Some(Tier::Disk), Some(Tier::Disk), Some(Tier::Host), Some(Tier::Host), None]
        );
    }
}
