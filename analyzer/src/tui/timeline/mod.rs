//! The timeline: when it happened.
//!
//! ```text
//!  480.00 MiB  peak 412.00 MiB allocated at 3.210 s        1.000 s of 12.345 s
//!   480 MiB │  ⠉⠉⠉⠉⠉⠉⠉◆⠉⠉⠉⠉⠉⠉⠉│⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉       at 3.412 s
//!   240 MiB │ ⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿│⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿     ⠉ reserved  480.00 MiB
//!         0 │⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿│⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿     ⣿ allocated 400.00 MiB
//!    events │ ▾  ⇄  ⇄  ⇄  ⇄  ⇄│ ⇄  ⇄  ⇄  X
//!      time │╵1.0 s        ╵1.5 s      ╵2.0 s
//!    phases │├encode┤├denoise──────────────────┤
//!  modules 1–3 of 14   █ device ▄ partly ▒ host ░ disk
//!  unet      ▒ ▒▒▒▒▒▒▒▒▒██████│▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒       host  3.40 GiB
//! ```
//!
//! Everything in the plot's columns shares one time. The cursor goes through all of it; on a narrow screen the readout
//! is two lines below the phases instead of a panel at the side.

mod axis;
mod chart;
mod instant;
mod layout;
mod readout;
mod residency;

use ratatui::{buffer::Buffer, layout::Rect};

use self::layout::Layout;
use super::{run::Run, theme::Theme};

/// Draws the view.
pub(crate) fn draw(run: &Run, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let layout = Layout::new(run, area);
    chart::draw(run, theme, &layout, buffer);
    axis::draw(run, theme, &layout, buffer);
    residency::draw(run, theme, &layout, buffer);
    readout::draw(run, theme, &layout, buffer);
    draw_cursor(run, theme, &layout, buffer);
}

/// Where time is drawn: its columns are those of the whole view.
pub(crate) fn plot(run: &Run, area: Rect) -> Rect {
    Layout::new(run, area).plot
}

/// How many modules are on the screen at a time.
pub(crate) fn module_rows(run: &Run, area: Rect) -> u16 {
    Layout::new(run, area).modules.height
}

/// A line through everything that shares the plot's time.
fn draw_cursor(run: &Run, theme: Theme, layout: &Layout, buffer: &mut Buffer) {
    let Some(column) = run.window.column_of(run.cursor, layout.plot.width) else { return };
    let x = layout.plot.x + column;
    for y in layout.timed_rows() {
        let Some(cell) = buffer.cell_mut((x, y)) else { continue };
        if cell.symbol() == " " {
            cell.set_symbol("│").set_style(theme.strong());
        } else {
            cell.set_style(theme.selected());
        }
    }
}
