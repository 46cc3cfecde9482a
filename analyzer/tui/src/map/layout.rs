//! The areas of the map's parts.

use ratatui::layout::Rect;

/// The cells of an address before a line that is looked at closely.
const ADDRESS: u16 = 16;

/// The areas of the map's parts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MapLayout {
    /// The headline: heap, time, bytes.
    pub(crate) head: Rect,
    /// The lines of what is looked at closely; empty where nothing is.
    pub(crate) lines: Rect,
    /// The table: its head, and its rows below.
    pub(crate) table: Rect,
    /// The rows of the table.
    pub(crate) rows: Rect,
    /// The cells of the rows, right of their figures; empty where something is looked at closely.
    pub(crate) strip: Rect,
    pub(crate) legend: Rect,
    /// Details of the block under the pointer.
    pub(crate) words: Rect,
}

impl MapLayout {
    pub(crate) fn new(area: Rect, close: bool) -> Self {
        let mut left = area;
        let mut cut = |height: u16| {
            let height = height.min(left.height);
            let part = Rect { height, ..left };
            left = Rect { y: left.y + height, height: left.height - height, ..left };
            part
        };
        let (words, legend) = match area.height {
            0..=8 => (1, 0),
            9..=15 => (3, 1),
            16..=24 => (5, 1),
            _ => (9, 1),
        };
        let head = cut(1);
        let middle = area.height.saturating_sub(1 + words + legend);
        let lines = cut(if close { (middle / 2).max(1) } else { 0 });
        let table = cut(middle - lines.height.min(middle));
        let legend = cut(legend);
        let words = cut(words);
        let rows = Rect { y: table.y + 1, height: table.height.saturating_sub(1), ..table };
        let figures = figures_width(area.width);
        let strip = Rect {
            x: area.x + figures.min(area.width),
            width: if close { 0 } else { area.width.saturating_sub(figures + 1) },
            ..rows
        };
        Self { head, lines, table, rows, strip, legend, words }
    }

    /// Returns the number of cells in a line of the magnified part.
    pub(crate) fn line_cells(&self) -> u16 {
        self.lines.width.saturating_sub(ADDRESS + 1)
    }

    /// Returns the column where such a line begins.
    pub(crate) fn line_x(&self) -> u16 {
        self.lines.x + ADDRESS
    }
}

/// The cells for the figures of a region, the space around them included.
pub(crate) fn figures_width(width: u16) -> u16 {
    match width {
        0..60 => 13,
        60..160 => 36,
        _ => 74,
    }
}
