//! Search in the overview: in the findings first, then in every line below them.

use ratatui::{buffer::Buffer, layout::Rect};

use super::Overview;
use crate::{action::Side, open_run::OpenRun, theme::Theme};

impl Overview {
    /// Goes to the next finding or line with this text, on that side of what was found last, around the end.
    pub(super) fn find_text(&mut self, run: &OpenRun, text: &str, side: Side, area: Rect) -> bool {
        let sheet = self.sheet(run, Theme { colours: false }, area.width);
        let all = self.findings.matches("");
        let selected = self.findings.selected().map(|row| row.id);
        let here = match self.found {
            Some(line) => Match::Line(line),
            None => Match::Finding(all.iter().position(|(_, id)| Some(*id) == selected).unwrap_or(0)),
        };
        let findings = self.findings.matches(text).into_iter().map(|(place, _)| Match::Finding(place));
        let lines = sheet.lines_with(&text.to_lowercase()).into_iter().map(Match::Line);
        let places: Vec<Match> = findings.chain(lines).collect();
        let next = match side {
            Side::Forward => places.iter().find(|place| **place > here).or(places.first()),
            Side::Back => places.iter().rfind(|place| **place < here).or(places.last()),
        };
        match next {
            Some(&Match::Finding(place)) => {
                // It is brought onto the screen again, selected before or not.
                (self.found, self.seen) = (None, None);
                all.get(place).is_some_and(|(_, id)| self.findings.select_id(*id))
            }
            Some(&Match::Line(line)) => {
                let rows = sheet.rows(area);
                if !(self.scroll..self.scroll.saturating_add(rows)).contains(&line) {
                    self.scroll = line.saturating_sub(rows / 2).min(sheet.last_scroll(area));
                }
                self.found = Some(line);
                true
            }
            None => false,
        }
    }
}

/// A place with the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    /// A finding, by its place in the order of rows.
    Finding(usize),
    /// A line below the findings.
    Line(u16),
}

/// Turns around the cells of a row that have this text, which is in lower case.
pub(super) fn highlight(text: &str, theme: Theme, row: Rect, buffer: &mut Buffer) {
    let cells: Vec<String> = (row.left()..row.right())
        .map(|x| buffer.cell((x, row.y)).map_or_else(String::new, |cell| cell.symbol().to_lowercase()))
        .collect();
    for (x, first) in (row.left()..).zip(0..cells.len()) {
        let mut found = String::new();
        for (width, cell) in (1..).zip(&cells[first..]) {
            found.push_str(cell);
            if found == text {
                buffer.set_style(Rect { x, width, ..row }, theme.selected());
            }
            if !text.starts_with(&found) {
                break;
            }
        }
    }
}
