//! The overview: what happened.
//!
//! ```text
//!  Findings  1 fail · 6 ok                       what rules found, the worst first
//!   FAIL  memory grows   +12.00 MiB a job on cuda:0 …
//!
//!  Lost                                          if anything is
//!    12 events could not be recorded: …
//!
//!  Ended clean after 12.345 s
//!    diffusion 0.1.0 · process 4242 · 2 threads · 1,234,567 events
//!
//!  Peak 412.00 MiB allocated on cuda:0 at 3.210 s
//!    reserved 480.00 MiB · active 412.00 MiB · requested 411.20 MiB
//!    unet.input_blocks.0   ██████████████▌         210.00 MiB  51%
//!
//!  Over time    ⣿ allocated  ⠁ active  ⠉ reserved
//!  480.0 MiB │⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿◆⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿
//!             ╵0 s        ╵5 s       ╵10 s
//! ```
//!
//! then fragmentation, swaps, transfers, failed requests, phases, heaps, marks, counters: in one column that scrolls, or
//! in two where there is room. A section about nothing is left out.

mod findings;
mod growth;
mod happenings;
mod heap;
mod movement;
mod outcome;
mod peak;
mod search;
mod sheet;
mod title;

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::Line,
    widgets::Widget,
};

use self::{
    findings::Findings,
    sheet::{GAP, Sheet},
};
use super::{
    action::{Action, Scroll, Side},
    goal::Goal,
    listing::Listing,
    open_run::OpenRun,
    page::Page,
    theme::Theme,
    view::{Answer, View},
    widget::Section,
};

/// The least width for two columns.
const TWO_COLUMNS_FROM: u16 = 116;

/// The view.
#[derive(Debug)]
pub(crate) struct Overview {
    /// The findings; the id of a row is its place in the report.
    findings: Listing,
    /// The first line on the screen.
    scroll: u16,
    /// The finding that was selected when the screen was scrolled to it.
    seen: Option<u64>,
    /// The line of the selected finding.
    line: u16,
    /// The line below the findings that was found last.
    found: Option<u16>,
}

impl Default for Overview {
    fn default() -> Self {
        Self { findings: Listing::new(findings::columns()), scroll: 0, seen: None, line: 0, found: None }
    }
}

impl View for Overview {
    fn prepare(&mut self, run: &OpenRun) {
        findings::fill(&mut self.findings, run);
    }

    fn draw(&self, run: &OpenRun, theme: Theme, area: Rect, buffer: &mut Buffer) {
        let sheet = self.sheet(run, theme, area.width);
        let rows = sheet.rows(area);
        let below = sheet.last_scroll(area).saturating_sub(self.scroll);
        sheet.render(self.scroll, Rect { height: rows, ..area }, buffer);
        let found = self.found.and_then(|line| line.checked_sub(self.scroll)).filter(|line| *line < rows);
        if let Some(line) = found {
            let row = Rect { y: area.y + line, height: 1, ..area };
            search::highlight(&run.search.to_lowercase(), theme, row, buffer);
        }
        if below > 0 {
            let foot = Rect { y: area.y + rows, height: 1, ..area };
            Line::styled(format!("↓ {below} more lines "), theme.faint())
                .right_aligned()
                .render(foot, buffer);
        }
    }

    fn update(&mut self, run: &mut OpenRun, action: Action, area: Rect) -> Answer {
        if !matches!(action, Action::Find(_)) {
            self.found = None;
        }
        match action {
            Action::Scroll(Scroll::Line(side)) if !self.is_at_end(side) => Answer::Ignored,
            Action::Scroll(scroll) => {
                let (side, by) = match scroll {
                    Scroll::Line(side) => (side, 1),
                    Scroll::Page(side) => (side, area.height.saturating_sub(2).max(1)),
                };
                self.scroll = match side {
                    Side::Back => self.scroll.saturating_sub(by),
                    Side::Forward => self.scroll.saturating_add(by),
                };
                Answer::Done
            }
            Action::Edge(_) => {
                self.scroll = if action == Action::Edge(Side::Back) { 0 } else { u16::MAX };
                Answer::Ignored
            }
            Action::Open => match findings::goal(&self.findings, run) {
                Some(goal) => Answer::Open(goal),
                None if self.findings.fold() => Answer::Done,
                None => {
                    let peak = run.heap_figures().map(|heap| heap.peak.time_ns);
                    Answer::Open(Goal { time: peak, ..Goal::page(Page::Timeline) })
                }
            },
            _ => Answer::Ignored,
        }
    }

    fn settle(&mut self, run: &OpenRun, theme: Theme, area: Rect) {
        let sheet = self.sheet(run, theme, area.width);
        let (line, end) =
            sheet.findings.as_ref().map_or((0, 0), |findings| (findings.selected, findings.end));
        self.line = line;
        let selected = self.findings.selected().map(|row| row.id);
        if std::mem::replace(&mut self.seen, selected) != selected {
            // With the selected finding its neighbours are seen: the one above it, or the headline, and all that it says below.
            let last = self.line.saturating_sub(1);
            let first = end.saturating_sub(sheet.rows(area)).min(last);
            self.scroll = self.scroll.clamp(first, last);
        }
        self.scroll = self.scroll.min(sheet.last_scroll(area));
    }

    fn listing(&self) -> Option<&Listing> {
        Some(&self.findings)
    }

    fn listing_mut(&mut self) -> Option<&mut Listing> {
        Some(&mut self.findings)
    }

    fn find(&mut self, run: &OpenRun, text: &str, side: Side, area: Rect) -> bool {
        self.find_text(run, text, side, area)
    }

    fn row_at(&self, run: &OpenRun, area: Rect, position: Position) -> Option<usize> {
        let sheet = self.sheet(run, Theme { colours: false }, area.width);
        let line = area.contains(position).then(|| position.y - area.y + self.scroll)?;
        sheet.findings?.lines.iter().position(|&at| at == line)
    }
}

impl Overview {
    fn sheet<'a>(&self, run: &'a OpenRun, theme: Theme, width: u16) -> Sheet<'a> {
        Sheet {
            findings: Findings::new(&self.findings, run, theme, width),
            columns: columns(run, theme, width),
        }
    }

    /// Returns true if no finding is left to select on this side, so that the screen scrolls instead.
    fn is_at_end(&self, side: Side) -> bool {
        let selected = self.findings.selected().map(|row| row.id);
        match side {
            Side::Back => {
                self.line < self.scroll + 1 || self.findings.shown().next().map(|row| row.id) == selected
            }
            Side::Forward => self.findings.shown().next_back().map(|row| row.id) == selected,
        }
    }
}

/// The columns from the left, with their widths.
fn columns<'a>(run: &'a OpenRun, theme: Theme, width: u16) -> Vec<(u16, Vec<Section<'a>>)> {
    let inner = width.saturating_sub(2);
    let column = |width, parts: Vec<Option<Section<'a>>>| (width, parts.into_iter().flatten().collect());
    let lost = |run, theme| vec![outcome::losses(run, theme), outcome::failures(run, theme)];
    let half = if width < TWO_COLUMNS_FROM { inner } else { (inner - GAP) / 2 };
    let mut answers = lost(run, theme);
    answers.extend([Some(outcome::ending(run, theme)), Some(peak::owners(run, theme, half))]);
    answers.push(growth::growing(run, theme, half));
    let swaps = movement::swaps(run, theme, half);
    let charts = [peak::over_time(run, theme), heap::fragmentation(run, theme)];
    let details = [
        movement::transfers(run, theme, half),
        happenings::phases(run, theme, half),
        heap::heaps(run, theme),
        happenings::marks(run, theme),
        happenings::counters(run, theme),
    ];
    if width < TWO_COLUMNS_FROM {
        answers.push(swaps);
        return vec![column(inner, answers.into_iter().chain(charts).chain(details).collect())];
    }
    answers.extend(charts);
    vec![column(half, answers), column(half, [swaps].into_iter().chain(details).collect())]
}
