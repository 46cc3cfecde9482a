//! The areas of the timeline's parts.

use ratatui::layout::Rect;

use crate::open_run::OpenRun;

/// The least width for a readout at the side.
const PANEL_FROM: u16 = 100;
/// Its width, with the gap before it.
const PANEL: u16 = 32;
/// The least height of the chart, in lines.
const CHART_ROWS: u16 = 3;
/// The most rows of phases.
const MAX_LANES: u16 = 4;

/// The most rows of samples.
const MAX_SAMPLES: u16 = 8;

/// The parts of the view. A part that there is no room for has no height.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimelineLayout {
    /// The headline of the chart.
    pub(crate) title: Rect,
    /// Names and labels, left of the plot, as high as the view.
    pub(crate) gutter: Rect,
    /// The chart.
    pub(crate) plot: Rect,
    /// The signs of events.
    pub(crate) events: Rect,
    /// The times.
    pub(crate) times: Rect,
    /// The phases.
    pub(crate) lanes: Rect,
    /// Sampled counters, one row each.
    pub(crate) samples: Rect,
    /// The readout, when it is lines.
    pub(crate) readout: Rect,
    /// The readout, when it is a panel; then modules have figures at their right, too.
    pub(crate) panel: Option<Rect>,
    /// The headline of the modules.
    pub(crate) modules_title: Rect,
    /// The bars of the modules.
    pub(crate) modules: Rect,
}

impl TimelineLayout {
    /// Divides an area, with rows for so many modules and samples at most.
    pub(crate) fn new(run: &OpenRun, modules: usize, samples: usize, area: Rect) -> Self {
        let panel_width = if area.width >= PANEL_FROM { PANEL } else { 0 };
        let gutter = Rect { width: (area.width / 5).clamp(10, 30), ..area };
        let x = area.x + gutter.width;
        let columns = area.width.saturating_sub(gutter.width + panel_width + 1);

        let roomy = area.height >= 12;
        let lanes = u16::try_from(run.lanes.lanes().len()).unwrap_or(MAX_LANES);
        let lanes = lanes.min(area.height / 9).min(MAX_LANES);
        let readout = if panel_width > 0 {
            0
        } else if roomy {
            2
        } else {
            1
        };
        let title = u16::from(roomy);
        let modules = u16::try_from(modules).unwrap_or(u16::MAX);
        let modules_title = u16::from(roomy && modules > 0);
        let samples = u16::try_from(samples).unwrap_or(u16::MAX).min(area.height / 8).min(MAX_SAMPLES);
        let samples = if roomy { samples } else { 0 };
        // The events and the times have a row each.
        let fixed = title + 2 + lanes + samples + readout + modules_title;
        let rest = area.height.saturating_sub(fixed);
        let modules = modules.min((rest / 2).min(rest.saturating_sub(CHART_ROWS)));

        let mut y = area.y;
        let mut take = |x: u16, width: u16, height: u16| {
            let height = height.min(area.bottom().saturating_sub(y));
            let part = Rect { x, y, width, height };
            y += height;
            part
        };
        let title = take(area.x, area.width, title);
        let plot = take(x, columns, rest - modules);
        let events = take(x, columns, 1);
        let times = take(x, columns, 1);
        let lanes = take(x, columns, lanes);
        let samples = take(x, columns, samples);
        let readout = take(area.x, area.width, readout);
        let modules_title = take(area.x, area.width, modules_title);
        let modules = take(x, columns, modules);
        let panel = (panel_width > 0).then(|| Rect {
            x: area.right() - PANEL + 2,
            y: plot.y,
            width: PANEL - 2,
            height: lanes.bottom() - plot.y,
        });
        Self { title, gutter, plot, events, times, lanes, samples, readout, panel, modules_title, modules }
    }

    /// The rows of the screen whose columns are instants.
    pub(crate) fn timed_rows(&self) -> impl Iterator<Item = u16> {
        (self.plot.top()..self.samples.bottom()).chain(self.modules.top()..self.modules.bottom())
    }

    /// The part of the gutter beside `part`.
    pub(crate) fn beside(&self, part: Rect) -> Rect {
        Rect { y: part.y, height: part.height, ..self.gutter }
    }
}
