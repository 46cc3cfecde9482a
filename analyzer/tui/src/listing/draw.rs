//! A listing as a table: a head, and the rows that there is room for.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
    widgets::Widget,
};

use super::{Cell, Column, Folding, Listing, Row};
use crate::{
    theme::Theme,
    widget::{fit, fit_name, fit_names, width},
};

/// Between two columns.
const GAP: u16 = 2;
/// The least width of a wide column, in cells.
const LEAST: u16 = 8;

impl Listing {
    /// Draws the head in the first line and the rows below it, each column as wide as there is room.
    pub(crate) fn draw(&self, theme: Theme, area: Rect, buffer: &mut Buffer) {
        let head = Rect { height: area.height.min(1), ..area };
        let rows = Rect { y: area.y + head.height, height: area.height - head.height, ..area };
        let columns = self.widths(area.width);
        self.head(&columns, theme).render(head, buffer);
        let shown: Vec<(&Row, bool)> = self.on_screen().collect();
        let drawn: Vec<Vec<Span<'static>>> =
            columns.iter().map(|&(index, cells)| self.column(index, cells, &shown, theme)).collect();
        for (place, ((_, selected), area)) in shown.iter().zip(rows.rows()).enumerate() {
            line_of(drawn.iter().map(|column| column[place].clone())).render(area, buffer);
            if *selected {
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

    /// The cells of a column, as wide as the column; texts that differ look different.
    fn column(&self, index: usize, cells: u16, rows: &[(&Row, bool)], theme: Theme) -> Vec<Span<'static>> {
        let column = &self.columns()[index];
        let indents =
            rows.iter().map(|(row, _)| if index == 0 { self.indent(row, cells) } else { String::new() });
        let indents: Vec<String> = indents.collect();
        let cell = |row: &Row| row.cells.get(index).cloned().unwrap_or(Cell::Unknown);
        let texts = rows.iter().zip(&indents).map(|((row, _), indent)| {
            (cell(row).to_string(), usize::from(cells).saturating_sub(width(indent)))
        });
        let texts: Vec<(String, usize)> = texts.collect();
        let texts = if column.text {
            fit_names(&texts)
        } else {
            texts.iter().map(|(text, cells)| to_the_right(text, *cells)).collect()
        };
        let spans = rows.iter().zip(indents).zip(texts).map(|(((row, _), indent), text)| {
            let style = if cell(row) == Cell::Unknown { theme.faint() } else { Style::new() };
            Span::styled(indent + &text, style)
        });
        spans.collect()
    }

    /// What stands before a name: where a row is in its tree stays, however little of its name there is room for.
    fn indent(&self, row: &Row, cells: u16) -> String {
        let before = match (self.folding(row), row.depth) {
            (Folding::Nothing, 0) => String::new(),
            (folding, depth) => format!("{}{} ", "  ".repeat(depth), folding.sign()),
        };
        fit(&before, width(&before).min(usize::from(cells / 2)))
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
    if column.text { fit_name(text, cells) } else { to_the_right(text, cells) }
}

fn to_the_right(text: &str, cells: usize) -> String {
    let text = fit(text, cells);
    let trimmed = text.trim_end();
    let missing = width(&text) - width(trimmed);
    " ".repeat(missing) + trimmed
}
