//! The chart: in each column who had the memory when the most of it was in use, one above the other.

use memtrace_analysis::Nanos;
use memtrace_format::Bytes;
use ratatui::{buffer::Buffer, layout::Rect, text::Line, widgets::Widget};

use super::{
    entry::{DeviceLedger, HeldBytes},
    layer::Layer,
};
use crate::{open_run::OpenRun, theme::Theme};

/// Draws the scale and the layers.
pub(crate) fn draw(
    moments: &DeviceLedger,
    run: &OpenRun,
    theme: Theme,
    scale: Rect,
    plot: Rect,
    buffer: &mut Buffer,
) {
    draw_scale(moments.top, theme, scale, buffer);
    for column in 0..plot.width {
        let (from, to) = (run.window.time_at(column, plot.width), run.window.time_at(column + 1, plot.width));
        draw_column(
            &layers(moments, run, from, to),
            moments.top,
            theme,
            Rect { x: plot.x + column, width: 1, ..plot },
            buffer,
        );
    }
}

/// The layers of a stretch of time that are known, from the lowest. Where nothing was sampled, those of the heaps are.
fn layers(moments: &DeviceLedger, run: &OpenRun, from: Nanos, to: Nanos) -> Vec<(Layer, u64)> {
    if from > run.timeline.end {
        return Vec::new();
    }
    let sampled = moments.fullest(from, to).filter(|entry| entry.used.is_some());
    let Some(entry) = sampled else {
        let HeldBytes { reserved, active } = moments.held(run, from, to).unwrap_or_default();
        return vec![(Layer::Active, active), (Layer::Cached, reserved.saturating_sub(active))];
    };
    let known = Layer::ALL.into_iter().filter_map(|layer| {
        // What is known together is not drawn twice; what is owed takes no room.
        let apart = entry.unaccounted.is_some() || !matches!(layer, Layer::Process | Layer::Others);
        let bytes = layer.bytes(entry).filter(|_| apart)?;
        Some((layer, u64::try_from(bytes).unwrap_or(0)))
    });
    known.collect()
}

fn draw_column(layers: &[(Layer, u64)], top: Bytes, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let rows = u128::from(area.height);
    let mut below = 0_u64;
    let mut filled = 0;
    for &(layer, bytes) in layers {
        below = below.saturating_add(bytes);
        // A row is a layer's if most of it is.
        let height = (u128::from(below) * rows * 2 / u128::from(top.0.max(1))).div_ceil(2).min(rows);
        let height = u16::try_from(height).unwrap_or(area.height);
        for row in filled..height {
            if let Some(cell) = buffer.cell_mut((area.x, area.bottom() - 1 - row)) {
                cell.set_char(layer.sign()).set_style(layer.style(theme));
            }
        }
        filled = filled.max(height);
    }
}

/// Labels at the top, the middle and the foot.
fn draw_scale(top: Bytes, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let middle = area.height / 2;
    for (index, row) in (0..).zip(area.rows()) {
        let label = match index {
            0 => format!("{top:.0}"),
            _ if index + 1 == area.height => "0".to_owned(),
            _ if index == middle => format!("{:.0}", Bytes(top.0 / 2)),
            _ => String::new(),
        };
        Line::styled(format!("{label} │"), theme.faint()).right_aligned().render(row, buffer);
    }
}
