//! The line of tabs: all names where there is room, otherwise the digits and the name of the view on the screen.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::{Line, Span},
    widgets::Widget,
};

use super::{page::Page, theme::Theme};

/// The forms of the tabs, from the widest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Breadth {
    Roomy,
    Tight,
    Digits,
}

/// Draws the tabs. The one of the view on the screen stands out, unless the view is `covered`.
pub(crate) fn draw(shown: Page, covered: bool, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let breadth = breadth(area.width);
    let mut spans = vec![Span::raw(" ")];
    for page in Page::ALL {
        let text = label(page, breadth);
        if breadth == Breadth::Digits && page == shown {
            spans.push(Span::styled(label(page, Breadth::Roomy), theme.selected()));
        } else if page == shown && !covered {
            spans.push(Span::styled(text, theme.selected()));
        } else {
            let (digit, name) = text.split_at(text.find(page.digit()).map_or(0, |at| at + 1));
            spans.push(Span::styled(digit.to_owned(), theme.key()));
            spans.push(Span::styled(name.to_owned(), theme.faint()));
        }
        spans.push(Span::raw(" "));
    }
    Line::from(spans).render(area, buffer);
}

/// The tab under the mouse.
pub(crate) fn page_at(area: Rect, position: Position) -> Option<Page> {
    let breadth = breadth(area.width);
    if !area.contains(position) || breadth == Breadth::Digits {
        return None;
    }
    let mut from = area.x + 1;
    for page in Page::ALL {
        let to = from + u16::try_from(label(page, breadth).len()).unwrap_or(0);
        if (from..to).contains(&position.x) {
            return Some(page);
        }
        from = to + 1;
    }
    None
}

fn label(page: Page, breadth: Breadth) -> String {
    match breadth {
        Breadth::Roomy => format!(" {} {} ", page.digit(), page.name()),
        Breadth::Tight => format!("{}{}", page.digit(), page.name()),
        Breadth::Digits => page.digit().to_string(),
    }
}

fn breadth(width: u16) -> Breadth {
    let fits = |breadth| {
        let cells: usize = Page::ALL.iter().map(|page| label(*page, breadth).len() + 1).sum();
        cells < usize::from(width)
    };
    [Breadth::Roomy, Breadth::Tight].into_iter().find(|breadth| fits(*breadth)).unwrap_or(Breadth::Digits)
}
