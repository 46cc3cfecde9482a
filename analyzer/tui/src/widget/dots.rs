//! A canvas of dots, two by four in a cell, each of some layer.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

/// The code point of the first of the 256 patterns.
const BRAILLE: u32 = 0x2800;

/// The bits of a pattern, by row from the top and by column.
const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// Dots, set one by one, drawn all at once.
#[derive(Clone, Debug)]
pub(crate) struct Dots {
    width: usize,
    height: usize,
    cells: Vec<DotCell>,
}

#[derive(Clone, Copy, Debug, Default)]
struct DotCell {
    pattern: u8,
    layer: usize,
}

impl Dots {
    /// An empty canvas of so many cells.
    pub(crate) fn new(width: u16, height: u16) -> Self {
        let (width, height) = (usize::from(width), usize::from(height));
        Self { width, height, cells: vec![DotCell::default(); width * height] }
    }

    /// Returns the number of dots side by side.
    pub(crate) fn columns(&self) -> usize {
        self.width * 2
    }

    /// Returns the number of dots one above the other.
    pub(crate) fn rows(&self) -> usize {
        self.height * 4
    }

    /// Sets a dot, counted from the lower left. A cell has the style of its highest layer.
    pub(crate) fn set(&mut self, column: usize, row: usize, layer: usize) {
        if column >= self.columns() || row >= self.rows() {
            return;
        }
        let from_top = self.rows() - 1 - row;
        let cell = &mut self.cells[from_top / 4 * self.width + column / 2];
        cell.pattern |= BITS[from_top % 4][column % 2];
        cell.layer = cell.layer.max(layer);
    }

    /// Draws the cells that have dots, with the styles of their layers.
    pub(crate) fn draw(&self, area: Rect, buffer: &mut Buffer, styles: &[Style]) {
        for (index, cell) in self.cells.iter().enumerate().filter(|(_, cell)| cell.pattern != 0) {
            let x = usize::from(area.x) + index % self.width;
            let y = usize::from(area.y) + index / self.width;
            let symbol =
                char::from_u32(BRAILLE + u32::from(cell.pattern)).expect("all patterns are characters");
            if let (Ok(x), Ok(y)) = (u16::try_from(x), u16::try_from(y))
                && let Some(target) = buffer.cell_mut((x, y))
            {
                target.set_char(symbol).set_style(styles.get(cell.layer).copied().unwrap_or_default());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_fill_cells_from_the_lower_left() {
        let area = Rect::new(0, 0, 2, 2);
        let mut buffer = Buffer::empty(area);
        let mut dots = Dots::new(2, 2);
        dots.set(0, 0, 0);
        dots.set(3, 7, 0);
        for row in 0..4 {
            dots.set(2, row, 0);
        }
        dots.set(99, 99, 0);
        dots.draw(area, &mut buffer, &[Style::new()]);
        assert_eq!(buffer, Buffer::with_lines([" ⠈", "⡀⡇"]));
    }
}
