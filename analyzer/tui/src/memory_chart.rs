//! A heap over time: what is allocated as an area, what is active and reserved as lines above it.
//!
//! ```text
//!   ⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉   reserved: a line
//!      ⠁⠁⠁⠁⠁⠁    active: a broken line at its most, where that is above allocated
//!    ⡏⣿⣿⡏⡏⣿⡏⣿    allocated: solid up to the least of each column, striped up to the most
//!   ⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿
//! ```
//!
//! Every column keeps the extremes of its time, so a spike is as high at every zoom.

use memtrace_analysis::{
    Nanos,
    timeline::{Extent, HeapTrack, Series},
};
use memtrace_format::Bytes;
use ratatui::{buffer::Buffer, layout::Rect, text::Line, widgets::Widget};

use super::{
    theme::{self, Theme},
    widget::Dots,
    window::Window,
};

/// The layers, from the lowest.
const LAYERS: [Series; 3] = [Series::Allocated, Series::Active, Series::Reserved];

/// The chart of a heap.
pub(crate) struct MemoryChart<'a> {
    /// The heap.
    pub(crate) track: &'a HeapTrack,
    /// The range of time.
    pub(crate) window: Window,
    /// The bytes at the full height.
    pub(crate) top: Bytes,
    /// The time of the peak.
    pub(crate) peak: Nanos,
    /// Colours and styles.
    pub(crate) theme: Theme,
}

/// Returns the bytes at the full height: the most that the heap ever held, so that zooming does not change heights.
pub(crate) fn top(track: &HeapTrack, whole: Window) -> Bytes {
    let mut whole = whole;
    whole.show_all();
    let most = |series| track.extent(series, whole.from(), whole.to()).map(|extent| extent.max);
    let reserved = most(Series::Reserved).filter(|_| track.has_segments());
    reserved.max(most(Series::Active)).max(most(Series::Allocated)).unwrap_or_default()
}

/// Draws the scale beside a chart: labels at the top, the middle and the foot.
pub(crate) fn draw_scale(top: Bytes, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let labels = [(0, top), (area.height / 2, Bytes(top.0 / 2)), (area.height.saturating_sub(1), Bytes(0))];
    let decimals = usize::from(area.width >= 12);
    for (index, row) in area.rows().enumerate() {
        let label = labels.iter().rev().find(|(at, _)| usize::from(*at) == index);
        let text = label.map_or(String::new(), |(_, bytes)| format!("{bytes:.decimals$}"));
        Line::styled(format!("{text} │"), theme.faint()).right_aligned().render(row, buffer);
    }
}

impl Widget for MemoryChart<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let mut dots = Dots::new(area.width, area.height);
        let draw = |series| self.track.draw(series, self.window.from(), self.window.to(), dots.columns());
        let allocated = draw(Series::Allocated);
        let active = draw(Series::Active);
        let reserved = draw(Series::Reserved);
        for (column, extent) in allocated.iter().enumerate() {
            self.area(&mut dots, column, *extent);
        }
        for (column, (active, allocated)) in active.iter().zip(&allocated).enumerate() {
            let height = |extent: &Option<Extent>| extent.map_or(0, |extent| self.height(extent.max, &dots));
            let (active, allocated) = (height(active), height(allocated));
            if column % 2 == 0 && active > allocated {
                dots.set(column, active - 1, 1);
            }
        }
        if self.track.has_segments() {
            for (column, extent) in reserved.iter().enumerate() {
                self.line(&mut dots, column, *extent);
            }
        }
        dots.draw(area, buffer, &LAYERS.map(|series| self.theme.series(series)));
        self.mark_peak(area, buffer);
    }
}

impl MemoryChart<'_> {
    fn area(&self, dots: &mut Dots, column: usize, extent: Option<Extent>) {
        let Some(extent) = extent else { return };
        let (least, most) = (self.height(extent.min, dots), self.height(extent.max, dots));
        for row in 0..most {
            if row < least || row + 1 == most || column.is_multiple_of(2) {
                dots.set(column, row, 0);
            }
        }
    }

    /// The line of what is reserved, upright where it changes.
    fn line(&self, dots: &mut Dots, column: usize, extent: Option<Extent>) {
        let Some(extent) = extent else { return };
        let (least, most) = (self.height(extent.min, dots).max(1), self.height(extent.max, dots));
        for row in least..=most {
            dots.set(column, row - 1, 2);
        }
    }

    /// The sign of the peak, where it is as high as it was.
    fn mark_peak(&self, area: Rect, buffer: &mut Buffer) {
        let Some(column) = self.window.column_of(self.peak, area.width) else { return };
        let most = self.track.at(Series::Allocated, self.peak).map_or(Bytes(0), |extent| extent.max);
        let below = u128::from(most.0) * u128::from(area.height) / u128::from(self.top.0.max(1));
        let below = u16::try_from(below).unwrap_or(u16::MAX).min(area.height.saturating_sub(1));
        if let Some(cell) = buffer.cell_mut((area.x + column, area.bottom().saturating_sub(1 + below))) {
            cell.set_char(theme::PEAK).set_style(self.theme.peak());
        }
    }

    /// The rows of dots that a value takes: at least one, if it is not zero.
    fn height(&self, value: Bytes, dots: &Dots) -> usize {
        let rows = (u128::from(value.0) * dots.rows() as u128).div_ceil(u128::from(self.top.0.max(1)));
        usize::try_from(rows).unwrap_or(usize::MAX).min(dots.rows())
    }
}
