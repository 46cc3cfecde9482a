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
mod layout;
mod readout;
mod residency;

pub(crate) use axis::draw_times;
pub(crate) use residency::{own_name, place_of, shown_in};

use std::collections::HashMap;

use memtrace_format::Bytes;
use ratatui::{buffer::Buffer, layout::Rect};

use self::layout::Layout;
use super::{
    listing::{Cell, Column, Listing, Row},
    run::Run,
    theme::Theme,
    view::{Goal, View},
};
use crate::{Nanos, report::Module};

/// The view.
#[derive(Debug)]
pub(crate) struct TimelineView {
    /// The modules; a row's id is its module's place in the timeline and the report.
    modules: Listing,
}

impl Default for TimelineView {
    fn default() -> Self {
        let columns = vec![
            Column::text("module", Column::WIDE, 0),
            Column::number("bytes", 11, 1),
            Column::number("loads", 7, 2),
            Column::number("evictions", 9, 2),
            Column::number("moved", 11, 2),
            Column::number("moving", 10, 2),
        ];
        Self { modules: Listing::new(columns) }
    }
}

impl View for TimelineView {
    fn prepare(&mut self, run: &Run) {
        // In a range other modules may be missing, but none has another id.
        let figures: HashMap<u32, &Module> =
            run.figures().modules.iter().map(|module| (module.id, module)).collect();
        let row = |row: &super::module_tree::ModuleRow| {
            let module = run.report.modules.get(row.index)?;
            let counted = figures.get(&module.id);
            let cells = vec![
                Cell::Text(module.name.clone()),
                module.bytes.map_or(Cell::Unknown, Cell::Bytes),
                Cell::Count(counted.map_or(0, |module| module.loads)),
                Cell::Count(counted.map_or(0, |module| module.evictions)),
                Cell::Bytes(counted.map_or(Bytes(0), |module| module.transfer_bytes)),
                Cell::Time(counted.map_or(Nanos(0), |module| module.transfer_ns)),
            ];
            Some(Row { id: row.index as u64, depth: row.depth, cells })
        };
        self.modules.fill(run.tree.rows().iter().filter_map(row).collect());
    }

    fn draw(&self, run: &Run, theme: Theme, area: Rect, buffer: &mut Buffer) {
        let layout = self.layout(run, area);
        chart::draw(run, theme, &layout, buffer);
        axis::draw(run, theme, &layout, buffer);
        residency::draw(run, &self.modules, theme, &layout, buffer);
        readout::draw(run, theme, &layout, buffer);
        draw_cursor(run, theme, &layout, buffer);
    }

    fn visit(&mut self, run: &mut Run, goal: &Goal) {
        let named = |name: &crate::Text| run.timeline.modules.iter().position(|module| module.name == *name);
        if let Some(place) = goal.module.as_ref().and_then(named) {
            self.modules.select_id(place as u64);
        }
    }

    fn listing(&self) -> Option<&Listing> {
        Some(&self.modules)
    }

    fn listing_mut(&mut self) -> Option<&mut Listing> {
        Some(&mut self.modules)
    }

    fn rows(&self, run: &Run, area: Rect) -> Rect {
        let layout = self.layout(run, area);
        Rect { x: layout.gutter.x, width: layout.modules.right() - layout.gutter.x, ..layout.modules }
    }

    fn plot(&self, run: &Run, area: Rect) -> Option<Rect> {
        Some(self.layout(run, area).plot)
    }
}

impl TimelineView {
    fn layout(&self, run: &Run, area: Rect) -> Layout {
        Layout::new(run, self.modules.total(), area)
    }
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
