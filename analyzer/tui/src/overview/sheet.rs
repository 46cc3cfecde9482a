//! The layout of the overview: findings across the whole width, then one or two columns, scrolled as one.

use std::collections::BTreeSet;

use ratatui::{buffer::Buffer, layout::Rect};

use super::findings::Findings;
use crate::widget::{self, Section};

/// Between two columns.
pub(super) const GAP: u16 = 3;

/// The overview at some width.
pub(super) struct Sheet<'a> {
    /// The findings, if there are rules.
    pub(super) findings: Option<Findings>,
    /// The columns from the left, with their widths.
    pub(super) columns: Vec<(u16, Vec<Section<'a>>)>,
}

impl Sheet<'_> {
    /// Its height in lines when nothing is scrolled away.
    pub(super) fn height(&self) -> u16 {
        let columns = self.columns.iter().map(|(_, sections)| widget::height(sections)).max().unwrap_or(0);
        self.head_height().saturating_add(columns)
    }

    /// The rows that an area has for it: when there is more, the last one says so.
    pub(super) fn rows(&self, area: Rect) -> u16 {
        area.height.saturating_sub(u16::from(self.height() > area.height))
    }

    /// The largest scroll offset, in lines.
    pub(super) fn last_scroll(&self, area: Rect) -> u16 {
        self.height().saturating_sub(self.rows(area))
    }

    /// Draws it from line `scrolled` on.
    pub(super) fn render(self, scrolled: u16, area: Rect, buffer: &mut Buffer) {
        let head = self.head_height();
        let above = head.saturating_sub(scrolled).min(area.height);
        if let Some(findings) = self.findings {
            let area = Rect { x: area.x + 1, width: area.width.saturating_sub(1), height: above, ..area };
            widget::render(vec![findings.section], scrolled, area, buffer);
        }
        let page = Rect { y: area.y + above, height: area.height - above, ..area };
        let mut x = area.x + 1;
        for (width, sections) in self.columns {
            let column = Rect { x, width, ..page };
            widget::render(sections, scrolled.saturating_sub(head), column, buffer);
            x += width + GAP;
        }
    }

    /// The lines below the findings that have this text, which is in lower case.
    pub(super) fn lines_with(&self, text: &str) -> BTreeSet<u16> {
        let mut found = BTreeSet::new();
        for (_, sections) in &self.columns {
            let mut top = self.head_height();
            for section in sections {
                let lines = (top..).zip(section.texts());
                found.extend(lines.filter(|(_, line)| line.to_lowercase().contains(text)).map(|(at, _)| at));
                top = top.saturating_add(widget::height(std::slice::from_ref(section))).saturating_add(1);
            }
        }
        found
    }

    /// The findings with the line below them.
    fn head_height(&self) -> u16 {
        let section = self.findings.as_ref().map(|findings| std::slice::from_ref(&findings.section));
        section.map_or(0, |section| widget::height(section).saturating_add(1))
    }
}
