//! A listing as a table: a head, and the rows that there is room for.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::Widget,
};

use super::{Cell, Column, Folding, Listing, Row};
use crate::{
    theme::Theme,
    widget::{fit, fit_name, width},
};

/// Between two columns.
const GAP: u16 = 2;
/// What a wide column needs at least.
const LEAST: u16 = 8;

impl Listing {
    /// Draws the head in the first line and the rows below it, each column as wide as there is room.
    pub(crate) fn draw(&self, theme: Theme, area: Rect, buffer: &mut Buffer) {
        let head = Rect { height: area.height.min(1), ..area };
        let rows = Rect { y: area.y + head.height, height: area.height - head.height, ..area };
        let columns = self.widths(area.width);
        self.head(&columns, theme).render(head, buffer);
        for ((row, selected), area) in self.on_screen().zip(rows.rows()) {
            self.line(row, &columns, theme).render(area, buffer);
            if selected {
                buffer.set_style(area, theme.selected());
            }
        }
    }

    fn head(&self, columns: &[(usize, u16)], theme: Theme) -> Line<'static> {
        let cells = columns.iter().map(|&(index, cells)| {
            let column = &self.columns()[index];
            let sign = match self.sort().filter(|sort| sort.column == index) {
                None => "",
                Some(sort) if sort.descending => "▼",
                Some(_) => "▲",
            };
            let style = if sign.is_empty() { theme.faint() } else { theme.strong() };
            Span::styled(padded(&format!("{}{sign}", column.name), column, cells), style)
        });
        line_of(cells)
    }

    fn line(&self, row: &Row, columns: &[(usize, u16)], theme: Theme) -> Line<'static> {
        let cells = columns.iter().map(|&(index, cells)| {
            let column = &self.columns()[index];
            let cell = row.cells.get(index).unwrap_or(&Cell::Unknown);
            let folding = self.folding(row);
            // Where a row is in its tree stays, however little of its name there is room for.
            let before = match (index, folding, row.depth) {
                (0, Folding::Nothing, 0) | (1.., ..) => String::new(),
                (0, ..) => format!("{}{} ", "  ".repeat(row.depth), folding.sign()),
            };
            let indent = fit(&before, width(&before).min(usize::from(cells / 2)));
            let room = cells - u16::try_from(width(&indent)).unwrap_or(cells);
            let style = if *cell == Cell::Unknown { theme.faint() } else { ratatui::style::Style::new() };
            Span::styled(indent + &padded(&cell.to_string(), column, room), style)
        });
        line_of(cells)
    }

    /// The columns that there is room for, with their widths.
    fn widths(&self, width: u16) -> Vec<(usize, u16)> {
        let need = |column: &Column| if column.cells == Column::WIDE { LEAST } else { column.cells };
        let mut kept: Vec<usize> = (0..self.columns().len()).collect();
        let total = |kept: &[usize]| {
            kept.iter()
                .map(|&index| need(&self.columns()[index]).saturating_add(GAP))
                .fold(0, u16::saturating_add)
        };
        while kept.len() > 1 && total(&kept) > width.saturating_add(GAP) {
            let least =
                kept.iter().enumerate().max_by_key(|(place, index)| (self.columns()[**index].rank, *place));
            let Some((place, _)) = least else { break };
            kept.remove(place);
        }
        let free = width.saturating_add(GAP).saturating_sub(total(&kept));
        let wide = kept.iter().filter(|&&index| self.columns()[index].cells == Column::WIDE).count();
        let share = free.checked_div(u16::try_from(wide).unwrap_or(u16::MAX)).unwrap_or(0);
        let cells = |index: usize| {
            let column = &self.columns()[index];
            need(column).saturating_add(if column.cells == Column::WIDE { share } else { 0 }).min(width)
        };
        kept.into_iter().map(|index| (index, cells(index))).collect()
    }
}

fn line_of(cells: impl Iterator<Item = Span<'static>>) -> Line<'static> {
    let mut spans = Vec::new();
    for cell in cells {
        if !spans.is_empty() {
            spans.push(Span::raw(" ".repeat(usize::from(GAP))));
        }
        spans.push(cell);
    }
    Line::from(spans)
}

fn padded(text: &str, column: &Column, cells: u16) -> String {
    let cells = usize::from(cells);
    if column.text {
        return fit_name(text, cells);
    }
    let text = fit(text, cells);
    let trimmed = text.trim_end();
    let missing = width(&text) - width(trimmed);
    " ".repeat(missing) + trimmed
}
