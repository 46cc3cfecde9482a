//! The ledger: what device memory is made of.
//!
//! ```text
//!  device 0  9.40 GiB of 16.00 GiB in use at 3.412 s       most in use 12.10 GiB at 5.020 s
//!   16 GiB │             │
//!          │  ▒▒▒▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒▒▒▒▒
//!    8 GiB │ ▓▓▓▓▓▓▓▓▓▓▓▓│▓▓▓▓▓▓▓▓▓▓▓▓
//!          │█████████████│████████████
//!        0 │█████████████│████████████
//!          0 s                   12.3 s
//!  who has it              bytes  share  how that is known
//!  █ allocator, active  6.00 GiB  37.5%  exact
//!  ▓ allocator, cached  2.00 GiB  12.5%  exact
//!  ▒ this process      400.00 MiB  2.4%  NVML's list of processes, 1.2 s before
//! ```
//!
//! A column shows the moment of its time in which the most was in use. `<` and `>` turn to another device.

mod chart;
mod entry;
mod layer;

use memtrace_analysis::{Nanos, report::LedgerMoment};
use memtrace_format::Bytes;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::Widget,
};

use self::entry::DeviceLedger;
use super::{
    action::{Action, Side},
    listing::{Column, Listing},
    open_run::OpenRun,
    theme::Theme,
    timeline::draw_cursor,
    view::{Answer, View},
    widget::{fit, put},
};

/// The height of the table with its head, where there is room for it and a chart.
const TABLE: u16 = 10;
/// The least height of a chart, in lines.
const CHART: u16 = 3;
/// The scale at the left of the chart.
const GUTTER: u16 = 11;

/// The view.
#[derive(Debug)]
pub(crate) struct LedgerView {
    /// The devices that something is known of, and what is known of them over time.
    devices: Vec<DeviceLedger>,
    /// The one on the screen.
    device: usize,
    /// The owners of its memory at the cursor.
    owners: Listing,
    /// The device and time of the owners.
    shown: Option<(usize, Nanos)>,
}

/// The areas of the view's parts.
#[derive(Clone, Copy, Debug)]
struct LedgerLayout {
    title: Rect,
    scale: Rect,
    plot: Rect,
    times: Rect,
    table: Rect,
}

impl Default for LedgerView {
    fn default() -> Self {
        let columns = vec![
            Column::text("who has it", 22, 0),
            Column::number("bytes", 12, 0),
            Column::number("share", 7, 2),
            Column::text("how that is known", Column::WIDE, 1),
        ];
        Self { devices: Vec::new(), device: 0, owners: Listing::new(columns), shown: None }
    }
}

impl View for LedgerView {
    fn prepare(&mut self, run: &OpenRun) {
        self.devices = DeviceLedger::of(run);
        self.device = self.device.min(self.devices.len().saturating_sub(1));
        self.shown = None;
        self.look(run);
    }

    fn draw(&self, run: &OpenRun, theme: Theme, area: Rect, buffer: &mut Buffer) {
        let layout = LedgerLayout::new(area);
        let Some(moments) = self.devices.get(self.device) else {
            return Line::styled(" nothing is known of any device's memory", theme.faint())
                .render(layout.title, buffer);
        };
        put(&self.title(moments, run, theme), layout.title, buffer);
        chart::draw(moments, run, theme, layout.scale, layout.plot, buffer);
        draw_times(run, theme, layout.times, buffer);
        self.owners.draw(theme, layout.table, buffer);
        draw_cursor(run, theme, layout.plot, layout.plot.top()..layout.plot.bottom(), buffer);
    }

    fn update(&mut self, run: &mut OpenRun, action: Action, _area: Rect) -> Answer {
        let count = self.devices.len();
        match action {
            Action::Heap(_) if count == 0 => Answer::Ignored,
            Action::Heap(side) => {
                let step = if side == Side::Forward { 1 } else { count - 1 };
                self.device = (self.device + step) % count;
                Answer::Done
            }
            Action::Peak => {
                let peak =
                    self.devices.get(self.device).and_then(|moments| moments.at(LedgerMoment::DevicePeak));
                match peak {
                    Some(entry) => {
                        run.visit(entry.time_ns);
                        Answer::Done
                    }
                    None => Answer::Ignored,
                }
            }
            _ => Answer::Ignored,
        }
    }

    fn settle(&mut self, run: &OpenRun, _theme: Theme, area: Rect) {
        self.look(run);
        self.owners.settle(LedgerLayout::new(area).table.height.saturating_sub(1));
    }

    fn listing(&self) -> Option<&Listing> {
        Some(&self.owners)
    }

    fn listing_mut(&mut self) -> Option<&mut Listing> {
        Some(&mut self.owners)
    }

    fn rows(&self, _run: &OpenRun, area: Rect) -> Rect {
        let table = LedgerLayout::new(area).table;
        Rect { y: table.y + table.height.min(1), height: table.height.saturating_sub(1), ..table }
    }

    fn plot(&self, _run: &OpenRun, area: Rect) -> Option<Rect> {
        Some(LedgerLayout::new(area).plot)
    }
}

impl LedgerView {
    /// Fills the table with what is so at the cursor, if that has changed.
    fn look(&mut self, run: &OpenRun) {
        let now = Some((self.device, run.cursor));
        if self.shown != now {
            self.shown = now;
            let rows = self
                .devices
                .get(self.device)
                .map_or_else(Vec::new, |moments| layer::rows(moments, run.cursor));
            self.owners.fill(rows);
        }
    }

    fn title(&self, moments: &DeviceLedger, run: &OpenRun, theme: Theme) -> Line<'static> {
        let mut spans =
            vec![Span::raw(" "), Span::styled(format!("device {}", moments.device), theme.strong())];
        let used = moments.entry_at(run.cursor).and_then(|entry| Some((entry.used?, entry.total?)));
        spans.push(Span::raw(match used {
            Some((used, total)) => format!("  {used} of {total} in use at {}", run.cursor),
            None => format!("  at {}: what is in use is not known", run.cursor),
        }));
        if let Some(peak) = moments.at(LedgerMoment::DevicePeak)
            && let Some(used) = peak.used
        {
            spans.push(Span::styled(format!("   most {used} at {}", peak.time_ns), theme.peak()));
        }
        if self.devices.len() > 1 {
            spans.push(Span::styled(
                format!("   {} of {} devices", self.device + 1, self.devices.len()),
                theme.faint(),
            ));
        }
        Line::from(spans)
    }
}

impl LedgerLayout {
    fn new(area: Rect) -> Self {
        let title = Rect { height: area.height.min(1), ..area };
        let rest = area.height.saturating_sub(2);
        let table = TABLE.min(rest.saturating_sub(CHART).max(rest / 2));
        let chart = rest - table;
        let gutter = GUTTER.min(area.width);
        let plot = Rect {
            x: area.x + gutter,
            y: title.bottom(),
            width: (area.width - gutter).saturating_sub(1),
            height: chart,
        };
        let scale = Rect { x: area.x, width: gutter, ..plot };
        let times = Rect { y: plot.bottom(), height: area.height.saturating_sub(1 + chart).min(1), ..plot };
        let table = Rect {
            y: times.bottom(),
            height: table,
            width: area.width.saturating_sub(1),
            x: area.x + area.width.min(1),
        };
        Self { title, scale, plot, times, table }
    }
}

/// The ends of the window.
fn draw_times(run: &OpenRun, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let (from, to) = (run.window.from().to_string(), run.window.to().to_string());
    let gap = usize::from(area.width).saturating_sub(to.chars().count());
    let line = format!("{}{to}", fit(&from, gap));
    Line::styled(line, theme.faint()).render(area, buffer);
}

/// A part of a whole.
fn share(bytes: i64, total: Option<Bytes>) -> Option<f64> {
    total.filter(|total| total.0 > 0).map(|total| bytes as f64 / total.0 as f64)
}
