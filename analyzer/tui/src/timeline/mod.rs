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
//! nvml used │⣤⣤⣤⣤⣤⣤⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶      what was sampled
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
mod samples;
mod stack;

pub(crate) use axis::{draw_cursor, draw_times};
pub(crate) use residency::{device_legend, draw_name, names, place_in_words, shown_of};

use std::collections::HashMap;

use memtrace_analysis::{Nanos, report::Module};
use memtrace_format::Bytes;
use ratatui::{buffer::Buffer, layout::Rect};

use self::{layout::TimelineLayout, stack::Stack};
use super::{
    action::Action,
    goal::Goal,
    keys::{Binding, Key},
    listing::{Cell, Column, Listing, Row},
    open_run::OpenRun,
    page::Page,
    theme::Theme,
    view::{Answer, View},
};

/// The view.
#[derive(Debug)]
pub(crate) struct TimelineView {
    /// The modules; a row's id is its module's place in the timeline and the report.
    modules: Listing,
    stack: Stack,
    /// The counters worth a row, by their places in the timeline.
    samples: Vec<usize>,
}

/// The keys of this view.
const KEYS: &[Binding] = &[
    Binding::own(
        &[Key::Char('b')],
        STACK,
        "stack the heap by module, part of a module, scope or line of the program, or not",
    )
    .footer("by"),
    Binding::own(&[Key::Char('R')], ZOOM_TO_RANGE, "zoom to the range"),
];
const STACK: &str = "stack";
const ZOOM_TO_RANGE: &str = "zoom to the range";

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
        Self { modules: Listing::new(columns), stack: Stack::default(), samples: Vec::new() }
    }
}

impl View for TimelineView {
    fn prepare(&mut self, run: &OpenRun) {
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

    fn settle(&mut self, run: &OpenRun, _: Theme, _: Rect) {
        self.samples = samples::rows(run);
        self.stack.settle(run);
    }

    fn woken(&mut self, _: &mut OpenRun) {
        self.stack.take();
    }

    fn update(&mut self, run: &mut OpenRun, action: Action, _: Rect) -> Answer {
        match action {
            Action::Own(STACK) => self.stack.turn(),
            Action::Own(ZOOM_TO_RANGE) => match run.range {
                Some(range) => run.window.show(range.from, range.to),
                None => return Answer::Say("there is no range; r begins one".to_owned()),
            },
            Action::Open => return Answer::Open(Goal::page(Page::Live)),
            _ => return Answer::Ignored,
        }
        Answer::Done
    }

    #[cfg(test)]
    fn is_waiting(&self) -> bool {
        self.stack.is_waiting()
    }

    fn keys(&self) -> &'static [Binding] {
        KEYS
    }

    fn draw(&self, run: &OpenRun, theme: Theme, area: Rect, buffer: &mut Buffer) {
        let layout = self.layout(run, area);
        chart::draw(run, &self.stack, theme, &layout, buffer);
        axis::draw(run, theme, &layout, buffer);
        samples::draw(run, &self.samples, theme, &layout, buffer);
        residency::draw(run, &self.modules, theme, &layout, buffer);
        readout::draw(run, &self.stack, samples::in_words(run, &self.samples), theme, &layout, buffer);
        draw_cursor(run, theme, layout.plot, layout.timed_rows(), buffer);
    }

    fn visit(&mut self, run: &mut OpenRun, goal: &Goal) {
        let named = |name: &memtrace_analysis::Text| {
            run.timeline.modules.iter().position(|module| module.name == *name)
        };
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

    fn rows(&self, run: &OpenRun, area: Rect) -> Rect {
        let layout = self.layout(run, area);
        Rect { x: layout.gutter.x, width: layout.modules.right() - layout.gutter.x, ..layout.modules }
    }

    fn plot(&self, run: &OpenRun, area: Rect) -> Option<Rect> {
        Some(self.layout(run, area).plot)
    }
}

impl TimelineView {
    fn layout(&self, run: &OpenRun, area: Rect) -> TimelineLayout {
        TimelineLayout::new(run, self.modules.total(), self.samples.len(), area)
    }
}

#[cfg(test)]
mod tests;
