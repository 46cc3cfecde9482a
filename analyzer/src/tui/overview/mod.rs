//! The overview: what happened.
//!
//! ```text
//!  Lost                                          first, if anything is
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
//!    ⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿◆⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿
//! ```
//!
//! then fragmentation, swaps, transfers, failed requests, phases, heaps, marks, counters: in one column that scrolls, or
//! in two where there is room. A section about nothing is left out.

mod happenings;
mod heap;
mod movement;
mod outcome;
mod peak;

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::Widget,
};

use super::{
    action::{Action, Scroll, Side},
    page::Page,
    run::Run,
    theme::Theme,
    view::{Answer, Goal, View},
    widget::{self, Section},
};

/// From this width on there are two columns.
const TWO_COLUMNS_FROM: u16 = 116;
/// Between two columns.
const GAP: u16 = 3;

/// The view.
#[derive(Debug, Default)]
pub(crate) struct Overview {
    /// The first line on the screen.
    scroll: u16,
}

impl View for Overview {
    fn draw(&self, run: &Run, theme: Theme, area: Rect, buffer: &mut Buffer) {
        let more = height(run, theme, area.width).saturating_sub(area.height);
        let page = Rect { height: page_rows(more, area), ..area };
        let mut x = area.x + 1;
        for (width, sections) in columns(run, theme, area.width) {
            let column = Rect { x, width, ..page };
            widget::render(sections, self.scroll, column, buffer);
            x += width + GAP;
        }
        let below = last_scroll(run, theme, area).saturating_sub(self.scroll);
        if below > 0 {
            let foot = Rect { y: page.bottom(), height: 1, ..area };
            Line::styled(format!("↓ {below} more lines "), theme.faint())
                .right_aligned()
                .render(foot, buffer);
        }
    }

    fn update(&mut self, run: &mut Run, action: Action, area: Rect) -> Answer {
        match action {
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
            Action::Open => {
                let peak = run.heap().map(|heap| heap.peak.time_ns);
                Answer::Open(Goal { time: peak, ..Goal::page(Page::Timeline) })
            }
            _ => Answer::Ignored,
        }
    }

    fn settle(&mut self, run: &Run, theme: Theme, area: Rect) {
        self.scroll = self.scroll.min(last_scroll(run, theme, area));
    }
}

/// How far the view can be scrolled.
fn last_scroll(run: &Run, theme: Theme, area: Rect) -> u16 {
    let height = height(run, theme, area.width);
    height.saturating_sub(page_rows(height.saturating_sub(area.height), area))
}

/// The rows for what is told: when there is more, the last row says so.
fn page_rows(more: u16, area: Rect) -> u16 {
    area.height.saturating_sub(u16::from(more > 0))
}

/// How high the view is when nothing is scrolled away.
fn height(run: &Run, theme: Theme, width: u16) -> u16 {
    let columns = columns(run, theme, width);
    columns.iter().map(|(_, sections)| widget::height(sections)).max().unwrap_or(0)
}

/// The columns from the left, with their widths.
fn columns<'a>(run: &'a Run, theme: Theme, width: u16) -> Vec<(u16, Vec<Section<'a>>)> {
    let inner = width.saturating_sub(2);
    if width < TWO_COLUMNS_FROM {
        let mut all = answers(run, theme, inner);
        all.extend(details(run, theme, inner));
        return vec![(inner, all)];
    }
    let column = (inner - GAP) / 2;
    vec![(column, answers(run, theme, column)), (column, details(run, theme, column))]
}

/// How it ended and whose the peak was.
fn answers<'a>(run: &'a Run, theme: Theme, width: u16) -> Vec<Section<'a>> {
    let sections = [
        outcome::losses(run, theme),
        outcome::failures(run, theme),
        Some(outcome::ending(run, theme)),
        Some(peak::owners(run, theme, width)),
        peak::over_time(run, theme),
        heap::fragmentation(run, theme),
    ];
    sections.into_iter().flatten().collect()
}

/// What moved and when.
fn details<'a>(run: &'a Run, theme: Theme, width: u16) -> Vec<Section<'a>> {
    let sections = [
        movement::swaps(run, theme, width),
        movement::transfers(run, theme),
        happenings::phases(run, theme, width),
        heap::heaps(run, theme),
        happenings::marks(run, theme),
        happenings::counters(run, theme),
    ];
    sections.into_iter().flatten().collect()
}

/// A headline: what it is about in bold, and the rest.
fn title(about: &str, rest: String, theme: Theme) -> Line<'static> {
    Line::from(vec![Span::styled(format!("{about}  "), theme.strong()), Span::raw(rest)])
}
