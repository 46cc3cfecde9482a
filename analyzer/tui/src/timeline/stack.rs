//! The heap's bytes stacked by whose they are: a replay of its own counts them, once somebody wants to see it.
//!
//! ```text
//!   ▒▒▒▒▒▒▒▒▒▒
//!  ▓▓▓▓▓▓▓▓▓▓▓▓     each part has a colour and a texture
//! ██████████████
//! ```
//!
//! The height of a column is exact: the most that the heap held in its time. It is divided as the most that each part had
//! then; parts that had their most at different instants of one column share it.

use std::sync::Arc;

use memtrace_analysis::{
    Composition, CompositionPart, Grouping, Trace,
    report::PeakBy,
    timeline::{Extent, Series},
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use crate::{
    memory_chart::top,
    open_run::OpenRun,
    theme::{self, Theme},
    widget::{fit_names, width},
    worker::{Mailbox, Worker},
};

/// The most parts told apart; smaller ones are drawn as one.
const PARTS: usize = 7;

/// The grouping of the stacked chart, and its computed parts.
#[derive(Debug, Default)]
pub(super) struct Stack {
    by: Option<Grouping>,
    made: Option<(StackChoice, Result<Composition, String>)>,
    asked: Option<StackChoice>,
    /// The worker that computes it, started with the first stacked chart.
    worker: Option<Worker<StackRequest, (StackChoice, Composition)>>,
}

/// A heap, by its place in the report, and what its bytes are put together by.
type StackChoice = (usize, Grouping);

/// The trace and the chart to compute.
type StackRequest = (Arc<Trace>, StackChoice);

impl Stack {
    /// Turns to the next grouping, and after the last one to an unstacked chart.
    pub(super) fn turn(&mut self) {
        self.by = match self.by {
            None => Some(Grouping::Module),
            Some(Grouping::Module) => Some(Grouping::Part),
            Some(Grouping::Part) => Some(Grouping::Scope),
            Some(Grouping::Scope) => Some(Grouping::Line),
            Some(Grouping::Line) => None,
        };
    }

    /// Asks for what is wanted and not there.
    pub(super) fn settle(&mut self, run: &OpenRun) {
        let wish = self.by.map(|by| (run.heap, by));
        if wish == self.asked {
            return;
        }
        self.asked = wish;
        match (wish, &run.trace) {
            (Some(wish), Some(trace)) if self.made.as_ref().is_none_or(|(made, _)| *made != wish) => {
                let count = |(trace, wish): StackRequest, desk: &Mailbox<StackRequest>| {
                    let made = trace.composition(wish.0, wish.1, PARTS, |progress| desk.tell_part(progress));
                    made.map(|made| made.map(|made| (wish, made))).transpose()
                };
                let start = || Worker::new("memtrace-stack", run.wake.clone(), count);
                self.worker.get_or_insert_with(start).ask((Arc::clone(trace), wish));
            }
            _ => self.worker = None,
        }
    }

    /// Takes what was made.
    pub(super) fn take(&mut self) {
        let answer = self.worker.as_mut().and_then(|worker| worker.answers().last());
        match answer {
            Some(Ok((wish, made))) => self.made = Some((wish, Ok(made))),
            Some(Err(why)) => self.made = self.asked.map(|wish| (wish, Err(why))),
            None => {}
        }
    }

    /// Returns true while a chart is being computed.
    #[cfg(test)]
    pub(super) fn is_waiting(&self) -> bool {
        self.asked.is_some() && self.asked != self.made.as_ref().map(|(wish, _)| *wish)
    }

    /// Returns the parts to draw; none if the chart is not stacked or still being computed.
    pub(super) fn shown(&self, run: &OpenRun) -> Option<&Composition> {
        let wish = self.by.map(|by| (run.heap, by))?;
        match &self.made {
            Some((made, Ok(composition))) if *made == wish => Some(composition),
            _ => None,
        }
    }

    /// Returns the grouping in words, with progress while it is computed.
    pub(super) fn says(&self, run: &OpenRun) -> Option<String> {
        let by = match self.by? {
            Grouping::Module => "by module",
            Grouping::Part => "by part of a module",
            Grouping::Scope => "by scope",
            Grouping::Line => "by line of the program",
        };
        Some(match &self.made {
            Some((made, Ok(_))) if Some(*made) == self.asked => by.to_owned(),
            Some((made, Err(why))) if Some(*made) == self.asked => {
                format!("{by}: not counted, {why}")
            }
            _ if run.trace.is_none() => format!("{by}: the trace is not there"),
            _ => format!("{by}: counting {}%", self.worker.as_ref().map_or(0, Worker::so_far)),
        })
    }
}

/// Draws the stacked chart.
pub(super) fn draw(composition: &Composition, run: &OpenRun, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let (Some(track), Some(heap)) = (run.track(), run.heap()) else { return };
    let (from, to, columns) = (run.window.from(), run.window.to(), usize::from(area.width));
    let measured = if heap.peak.by == PeakBy::Requested { Series::Requested } else { Series::Allocated };
    let all = track.draw(measured, from, to, columns);
    let reserved = track.has_segments().then(|| track.draw(Series::Reserved, from, to, columns));
    let parts: Vec<Vec<Option<Extent>>> =
        parts(composition).map(|part| part.bytes.draw(from, to, columns)).collect();
    let top = top(track, run.window);
    let rows = |bytes: u64| {
        let rows = (u128::from(bytes) * u128::from(area.height)).div_ceil(u128::from(top.0.max(1)));
        u16::try_from(rows).unwrap_or(u16::MAX).min(area.height)
    };
    for (column, x) in (0..columns).zip(area.x..) {
        let most = |extents: &[Option<Extent>]| {
            extents.get(column).copied().flatten().map_or(0, |extent| extent.max.0)
        };
        let mut put = |row: u16, sign: char, style: Style| {
            if let Some(cell) = buffer.cell_mut((x, area.bottom().saturating_sub(1 + row))) {
                cell.set_char(sign).set_style(style);
            }
        };
        let shares: Vec<u64> = parts.iter().map(|part| most(part)).collect();
        for (row, part) in (0..).zip(divide(rows(most(&all)), &shares)) {
            let (sign, style) = look(composition, part, theme);
            put(row, sign, style);
        }
        if let Some(line) = reserved.as_ref().map(|reserved| rows(most(reserved)))
            && line > rows(most(&all))
        {
            put(line - 1, '⠉', theme.series(Series::Reserved));
        }
    }
    mark_peak(run, &rows, theme, area, buffer);
}

/// The parts with their signs and what each was at the cursor, in so many lines; the largest then first.
pub(super) fn legend(
    composition: &Composition,
    run: &OpenRun,
    theme: Theme,
    cells: usize,
    lines: usize,
) -> Vec<Line<'static>> {
    let mut parts: Vec<(usize, &CompositionPart, Extent)> = parts(composition)
        .enumerate()
        .filter_map(|(place, part)| Some((place, part, part.bytes.at(run.cursor)?)))
        .collect();
    parts.sort_by_key(|(_, _, extent)| std::cmp::Reverse(extent.max));
    parts.truncate(lines);
    let bytes: Vec<String> =
        parts.iter().map(|(_, _, extent)| super::readout::extent_text(*extent, 1)).collect();
    let names = parts.iter().zip(&bytes).map(|((_, part, _), bytes)| {
        let name = part.name.to_string();
        let room = cells.saturating_sub(width(bytes) + 3).min(width(&name));
        (name, room)
    });
    let names = fit_names(&names.collect::<Vec<_>>());
    let line = |(((place, ..), name), bytes): ((&(usize, &CompositionPart, Extent), String), String)| {
        let (sign, style) = look(composition, *place, theme);
        Line::from(vec![
            Span::styled(format!("{sign} "), style),
            Span::raw(format!("{name} ")),
            Span::styled(bytes, theme.strong()),
        ])
    };
    parts.iter().zip(names).zip(bytes).map(line).collect()
}

/// The parts from the foot of the stack.
fn parts(composition: &Composition) -> impl Iterator<Item = &CompositionPart> {
    composition.parts.iter().chain(&composition.others)
}

/// Returns the sign and style of a part.
fn look(composition: &Composition, place: usize, theme: Theme) -> (char, Style) {
    if place >= composition.parts.len() { theme.rest() } else { theme.part(place) }
}

/// Divides so many rows among the parts, from the foot: in proportion, the largest remainders rounded up.
fn divide(rows: u16, shares: &[u64]) -> Vec<usize> {
    let rows = u128::from(rows);
    let sum: u128 = shares.iter().map(|share| u128::from(*share)).sum();
    if sum == 0 {
        return Vec::new();
    }
    let mut counts: Vec<(u128, u128)> = shares
        .iter()
        .map(|share| (u128::from(*share) * rows / sum, u128::from(*share) * rows % sum))
        .collect();
    let left = rows - counts.iter().map(|(count, _)| count).sum::<u128>();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by_key(|&place| std::cmp::Reverse(counts[place].1));
    for &place in order.iter().take(usize::try_from(left).unwrap_or(0)) {
        counts[place].0 += 1;
    }
    let repeated = |(place, (count, _)): (usize, (u128, u128))| {
        std::iter::repeat_n(place, usize::try_from(count).unwrap_or(0))
    };
    counts.into_iter().enumerate().flat_map(repeated).collect()
}

fn mark_peak(run: &OpenRun, rows: &dyn Fn(u64) -> u16, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let Some(peak) = run.heap().map(|heap| &heap.peak) else { return };
    let Some(column) = run.window.column_of(peak.time_ns, area.width) else { return };
    let bytes = peak.by.of(&peak.figures);
    let row = rows(bytes.0).saturating_sub(1).min(area.height.saturating_sub(1));
    if let Some(cell) = buffer.cell_mut((area.x + column, area.bottom().saturating_sub(1 + row))) {
        cell.set_char(theme::PEAK).set_style(theme.peak());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_divided_in_proportion_and_wholly() {
        assert_eq!(divide(4, &[50, 25, 25]), [0, 0, 1, 2]);
        assert_eq!(divide(3, &[1, 1]), [0, 0, 1]);
        assert_eq!(divide(5, &[0, 7]), [1; 5]);
        assert_eq!(divide(5, &[0, 0]), [0; 0]);
        assert_eq!(divide(2, &[u64::MAX, u64::MAX]), [0, 1]);
    }
}
