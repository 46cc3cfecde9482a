//! Sampled counters, one row each: devices first, then the host.

use memtrace_analysis::{Nanos, timeline::CounterTrack};
use memtrace_format::{Bytes, SampledCounter};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::Widget,
};

use super::layout::TimelineLayout;
use crate::{
    open_run::OpenRun,
    theme::Theme,
    widget::{Dots, count, fit_tail, put, width},
};

/// The sampled counters that are shown, the most useful first; counters of the program itself follow.
const FIRST: [SampledCounter; 12] = [
    SampledCounter::NvmlUsed,
    SampledCounter::DriverFree,
    SampledCounter::HostResident,
    SampledCounter::HostAvailable,
    SampledCounter::OtherDeviceMemory,
    SampledCounter::ComputeUtilization,
    SampledCounter::HostSwapUsed,
    SampledCounter::PressureSome,
    SampledCounter::CgroupPressureSome,
    SampledCounter::OwnDeviceMemory,
    SampledCounter::PcieReceived,
    SampledCounter::PcieSent,
];

/// The counters worth a row, by their places in the timeline, the more telling first.
pub(super) fn rows(run: &OpenRun) -> Vec<usize> {
    let device = run.heap().and_then(|heap| heap.device);
    let rank = |track: &CounterTrack| {
        let name = track.name.recorded();
        let known = FIRST.iter().position(|counter| counter.name() == name);
        let own = SampledCounter::named(name).is_none().then_some(FIRST.len());
        // Of several devices, that of the heap that is looked at.
        let elsewhere = track.device.is_some() && device.is_some() && track.device != device;
        known.or(own).map(|rank| (elsewhere, rank))
    };
    let counters = run.timeline.counters.iter().enumerate();
    let mut ranked: Vec<_> = counters.filter_map(|(place, track)| Some((rank(track)?, place))).collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, place)| place).collect()
}

/// Draws as many as the layout has rows for.
pub(super) fn draw(
    run: &OpenRun,
    shown: &[usize],
    theme: Theme,
    layout: &TimelineLayout,
    buffer: &mut Buffer,
) {
    let end = Nanos(run.timeline.end.0.saturating_add(1));
    for (&place, row) in shown.iter().zip(layout.samples.rows()) {
        let Some(track) = run.timeline.counters.get(place) else { continue };
        let label = layout.beside(row);
        let cells = usize::from(label.width).saturating_sub(2);
        Line::styled(format!("{} │", fit_tail(&name(track), cells).trim_end()), theme.faint())
            .right_aligned()
            .render(label, buffer);
        let most = track.extent(Nanos(0), end).map_or(0.0, |(_, most)| most);
        draw_row(run, track, most, theme, row, buffer);
        if let Some(panel) = layout.panel {
            let text = value(track, run).unwrap_or_else(|| "–".to_owned());
            let most = amount(most, track.unit);
            let line = Line::from(vec![
                Span::styled(text, theme.strong()),
                Span::styled(format!("  of {most} at most"), theme.faint()),
            ]);
            put(&line, Rect { y: row.y, height: 1, ..panel }, buffer);
        }
    }
}

/// The first of them at the cursor, in words.
pub(super) fn in_words(run: &OpenRun, shown: &[usize]) -> Option<String> {
    let track = run.timeline.counters.get(*shown.first()?)?;
    Some(format!("{} {}", name(track), value(track, run)?))
}

/// A row of dots: solid up to the least of each column, striped up to the most.
fn draw_row(run: &OpenRun, track: &CounterTrack, top: f64, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let mut dots = Dots::new(area.width, 1);
    let columns = u16::try_from(dots.columns()).unwrap_or(u16::MAX);
    let rows = dots.rows() as f64;
    let height =
        |value: f64| if top > 0.0 { (value / top * rows).ceil().clamp(0.0, rows) as usize } else { 0 };
    for column in 0..columns {
        let (from, to) = (run.window.time_at(column, columns), run.window.time_at(column + 1, columns));
        let Some((least, most)) = track.extent(from, to) else { continue };
        let column = usize::from(column);
        for row in 0..height(most) {
            if row < height(least) || row + 1 == height(most) || column.is_multiple_of(2) {
                dots.set(column, row, 0);
            }
        }
    }
    dots.draw(area, buffer, &[theme.sample()]);
}

fn name(track: &CounterTrack) -> String {
    match track.device {
        Some(device) => format!("{} :{device}", track.name),
        None => track.name.to_string(),
    }
}

fn value(track: &CounterTrack, run: &OpenRun) -> Option<String> {
    let (least, most) = track.at(run.cursor)?;
    let (low, high) = (amount(least, track.unit), amount(most, track.unit));
    let both = format!("{low}–{high}");
    Some(if low == high || width(&both) > 24 { high } else { both })
}

fn amount(value: f64, unit: &str) -> String {
    match unit {
        "bytes" => format!("{:.1}", Bytes(value as u64)),
        "bytes/s" => format!("{:.1}/s", Bytes(value as u64)),
        "ns" => Nanos(value as u64).to_string(),
        "percent" => format!("{value:.0}%"),
        "celsius" => format!("{value:.0} °C"),
        "watts" => format!("{value:.0} W"),
        _ if value.fract() == 0.0 => count(value as u64),
        _ => format!("{value:.2}"),
    }
}
