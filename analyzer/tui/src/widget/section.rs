//! A page of sections: headlines with something below each, scrolled as one.

use ratatui::{buffer::Buffer, layout::Rect, text::Line};

use super::put;

/// A headline and what is below it.
pub(crate) struct Section<'a> {
    title: Line<'a>,
    body: Body<'a>,
}

type Draw<'a> = dyn Fn(Rect, &mut Buffer) + 'a;

enum Body<'a> {
    Lines(Vec<Line<'a>>),
    Picture(u16, Box<Draw<'a>>),
}

impl<'a> Section<'a> {
    /// Lines below a headline.
    pub(crate) fn lines(title: Line<'a>, lines: Vec<Line<'a>>) -> Self {
        Self { title, body: Body::Lines(lines) }
    }

    /// A picture of this height below a headline.
    pub(crate) fn picture(title: Line<'a>, height: u16, draw: impl Fn(Rect, &mut Buffer) + 'a) -> Self {
        Self { title, body: Body::Picture(height, Box::new(draw)) }
    }

    /// The texts of its lines, the headline first; a picture has none.
    pub(crate) fn texts(&self) -> Vec<String> {
        let body: &[Line<'_>] = match &self.body {
            Body::Lines(lines) => lines,
            Body::Picture(..) => &[],
        };
        std::iter::once(&self.title).chain(body).map(ToString::to_string).collect()
    }

    fn height(&self) -> u16 {
        let body = match &self.body {
            Body::Lines(lines) => u16::try_from(lines.len()).unwrap_or(u16::MAX),
            Body::Picture(height, _) => *height,
        };
        body.saturating_add(1)
    }

    fn draw(self, area: Rect, buffer: &mut Buffer) {
        let title = Rect { height: 1, ..area };
        let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
        put(&self.title, title, buffer);
        match self.body {
            Body::Lines(lines) => {
                lines.iter().zip(body.rows()).for_each(|(line, row)| put(line, row, buffer))
            }
            Body::Picture(_, draw) => draw(body, buffer),
        }
    }
}

/// Returns the height of all sections in lines, with one line between two.
pub(crate) fn height(sections: &[Section<'_>]) -> u16 {
    let gaps = u16::try_from(sections.len().saturating_sub(1)).unwrap_or(u16::MAX);
    sections.iter().map(Section::height).fold(gaps, u16::saturating_add)
}

/// Draws the sections from line `scrolled` on.
pub(crate) fn render(sections: Vec<Section<'_>>, scrolled: u16, area: Rect, buffer: &mut Buffer) {
    let mut page = Buffer::empty(Rect::new(0, 0, area.width, height(&sections)));
    let mut y = 0;
    for section in sections {
        let height = section.height();
        section.draw(Rect::new(0, y, area.width, height), &mut page);
        y += height + 1;
    }
    for row in 0..area.height.min(page.area.height.saturating_sub(scrolled)) {
        for column in 0..area.width {
            if let Some(target) = buffer.cell_mut((area.x + column, area.y + row)) {
                *target = page[(column, row + scrolled)].clone();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::widgets::Widget as _;

    use super::*;

    #[test]
    fn sections_scroll_as_one_page() {
        let sections = || {
            vec![
                Section::lines(Line::raw("One"), vec![Line::raw(" a"), Line::raw(" b")]),
                Section::picture(Line::raw("Two"), 1, |area, buffer| {
                    Line::raw(" picture").render(area, buffer);
                }),
            ]
        };
        assert_eq!(height(&sections()), 6);
        let area = Rect::new(0, 0, 8, 4);
        let mut buffer = Buffer::empty(area);
        render(sections(), 2, area, &mut buffer);
        assert_eq!(buffer, Buffer::with_lines([" b", "", "Two", " picture"]));
        assert_eq!(height(&[]), 0);
    }
}
