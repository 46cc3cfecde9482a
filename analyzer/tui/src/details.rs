//! The selected row in full: every column on lines of its own, also those that the screen has no room for.
//!
//! ```text
//!  Selected row  2 of 14
//!    module   unet.input_blocks.11.1.transformer_blocks.0.attn2.to_out
//!    bytes    12.00 MiB
//! ```

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::{
    listing::{Cell, Listing},
    theme::Theme,
    widget::{self, Section, fit, width, wrap},
};

/// Between the name of a column and its cell.
const GAP: usize = 2;

/// Draws the selected row, from line `scrolled` on.
pub(crate) fn draw(listing: &Listing, theme: Theme, scrolled: u16, area: Rect, buffer: &mut Buffer) {
    let area = Rect { x: area.x + 1, width: area.width - 1, ..area };
    widget::render(vec![section(listing, theme, area.width)], scrolled, area, buffer);
}

/// Returns the height of the selected row in lines, on a screen of this width.
pub(crate) fn height(listing: &Listing, cells: u16) -> u16 {
    widget::height(&[section(listing, Theme { colours: false }, cells.saturating_sub(1))])
}

fn section(listing: &Listing, theme: Theme, cells: u16) -> Section<'static> {
    let title = Line::from(vec![
        Span::styled("Selected row  ", theme.strong()),
        Span::raw(format!("{} of {}", listing.place() + 1, listing.len())),
    ]);
    let names = listing.columns().iter().map(|column| width(column.name)).max().unwrap_or(0);
    let room = usize::from(cells).saturating_sub(names + 2 * GAP).max(8);
    let row = listing.selected().into_iter();
    let cells = row.flat_map(|row| listing.columns().iter().zip(&row.cells));
    let known = cells.filter(|(_, cell)| **cell != Cell::Unknown && !cell.to_string().is_empty());
    let lines = known.flat_map(|(column, cell)| {
        let labels = std::iter::once(column.name).chain(std::iter::repeat(""));
        let lines = labels.zip(wrap(&cell.to_string(), room)).map(|(label, line)| {
            Line::from(vec![
                Span::raw(" ".repeat(GAP)),
                Span::styled(fit(label, names + GAP), theme.faint()),
                Span::raw(line),
            ])
        });
        lines.collect::<Vec<_>>()
    });
    Section::lines(title, lines.collect())
}
