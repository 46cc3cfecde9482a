//! Growth: what each thing that repeats leaves behind.
//!
//! ```text
//!  switch on host: 12.67 MiB more at each of 6 ends, 99% sure   grows
//!  held at the ends    121.33 MiB ▁▂▃▄▆█ 197.33 MiB
//!  left of each cycle  0 B ▁█████ 12.67 MiB
//!
//!  cycle                        ends  heap            kept  sure  shape
//!  ▾ phase switch                  6  host      +12.67 MiB   99%  grows
//!      module checkpoint-1.unet                  +6.33 MiB  100%
//!    ▸ 13 other cycles                                  same
//!  ▸ phase switch                  6  cuda:0   +101.00 KiB   99%  grows
//!    weights vae = preview_vae                   +1.12 MiB        twice
//! ```

mod causes;
mod rows;

use memtrace_analysis::report::Shape;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use self::rows::Subject;
use super::{
    action::Action,
    goal::Goal,
    listing::Listing,
    open_run::OpenRun,
    page::Page,
    theme::Theme,
    view::{Answer, View},
    widget::{fit, put, spark, spark_ends, width},
};

/// The lines above the rows, with the empty one below them.
const HEAD: u16 = 4;

/// The least height of the view that has room for them.
const ROOM: u16 = 9;

/// The view.
#[derive(Debug)]
pub(crate) struct GrowthView {
    rows: Listing,
    /// Set once rows were made: from then on folding is the user's choice.
    prepared: bool,
}

impl Default for GrowthView {
    fn default() -> Self {
        Self { rows: Listing::new(rows::columns()), prepared: false }
    }
}

impl View for GrowthView {
    fn prepare(&mut self, run: &OpenRun) {
        let growth = &run.figures().growth;
        self.rows.fill(causes::rows(growth));
        if !std::mem::replace(&mut self.prepared, true) {
            self.rows.fold_all();
            // What grows the most is told at once.
            if growth
                .cycles
                .iter()
                .flat_map(|cycle| &cycle.heaps)
                .any(|heap| heap.trend.shape == Shape::Grows)
            {
                self.rows.fold();
            }
        }
    }

    fn draw(&self, run: &OpenRun, theme: Theme, area: Rect, buffer: &mut Buffer) {
        let growth = &run.figures().growth;
        if self.rows.total() == 0 {
            let why =
                growth.cycles_why.as_ref().map_or_else(|| "nothing repeated".to_owned(), ToString::to_string);
            let lines = super::widget::wrap(
                &format!("Growth is not known: {why}"),
                usize::from(area.width).saturating_sub(2),
            );
            for (line, row) in lines.into_iter().zip(area.rows()) {
                put(&Line::raw(format!(" {line}")), row, buffer);
            }
            return;
        }
        let subject = self.rows.selected().and_then(|row| rows::subject(growth, row.id));
        if let Some(subject) = subject.filter(|_| area.height >= ROOM) {
            let head = Rect { height: HEAD - 1, ..area };
            for (line, row) in head_lines(&subject, theme, area.width).into_iter().zip(head.rows()) {
                put(&line, row, buffer);
            }
        }
        self.rows.draw(theme, listed(area), buffer);
    }

    fn update(&mut self, run: &mut OpenRun, action: Action, _: Rect) -> Answer {
        if action != Action::Open {
            return Answer::Ignored;
        }
        let subject = self.rows.selected().and_then(|row| rows::subject(&run.figures().growth, row.id));
        match subject {
            Some(subject) => Answer::Open(subject.goal()),
            None if self.rows.fold() => Answer::Done,
            None => Answer::Ignored,
        }
    }

    fn settle(&mut self, _: &OpenRun, _: Theme, area: Rect) {
        self.rows.settle(listed(area).height.saturating_sub(1));
    }

    fn visit(&mut self, run: &mut OpenRun, goal: &Goal) {
        if let Some(id) = rows::about(&run.figures().growth, goal) {
            self.rows.select_id(id);
        }
    }

    fn listing(&self) -> Option<&Listing> {
        Some(&self.rows)
    }

    fn listing_mut(&mut self) -> Option<&mut Listing> {
        Some(&mut self.rows)
    }

    fn rows(&self, _: &OpenRun, area: Rect) -> Rect {
        let listed = listed(area);
        let head = listed.height.min(1);
        Rect { y: listed.y + head, height: listed.height - head, ..listed }
    }
}

/// Returns the area of the rows, with their head.
fn listed(area: Rect) -> Rect {
    let head = if area.height >= ROOM { HEAD } else { 0 };
    Rect { y: area.y + head, height: area.height - head, ..area }
}

fn head_lines(subject: &Subject<'_>, theme: Theme, cells: u16) -> Vec<Line<'static>> {
    let cells = usize::from(cells);
    let title = subject.title();
    let mut lines = vec![Line::styled(fit(&format!(" {title}"), cells), theme.strong())];
    for (label, floor, levels) in subject.charts() {
        let (least, most) = spark_ends(&levels, floor);
        let label = format!(" {label:<19}{least:>11} ");
        let behind = format!(" {most}");
        let room = cells.saturating_sub(width(&label) + width(&behind));
        lines.push(Line::from(vec![
            Span::styled(label, theme.faint()),
            Span::styled(spark(&levels, (least, most), room), subject.style(theme)),
            Span::styled(behind, theme.faint()),
        ]));
    }
    lines
}

impl Subject<'_> {
    /// Shows a module's growth in the live view at the last end of the cycle; everything else in the timeline.
    fn goal(&self) -> Goal {
        match *self {
            Subject::Cycle { cycle, heap, owner } => {
                let module = owner.filter(|owner| heap.by_module.iter().any(|of| std::ptr::eq(of, *owner)));
                let page = if module.is_some() { Page::Live } else { Page::Timeline };
                Goal {
                    heap: Some(heap.heap.clone()),
                    module: module.map(|owner| owner.name.clone()),
                    ..Goal::at(page, cycle.last_ns)
                }
            }
            Subject::Duplicate(duplicate) => Goal {
                module: duplicate.names.last().cloned(),
                ..Goal::at(Page::Timeline, duplicate.from_ns)
            },
            Subject::Idle(idle) => {
                Goal { heap: Some(idle.heap.clone()), ..Goal::at(Page::Timeline, idle.from_ns) }
            }
        }
    }
}
