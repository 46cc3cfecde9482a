//! The line of tabs: all names where there is room, otherwise the digits and the name of the view on the screen.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::{Line, Span},
    widgets::Widget,
};

use super::{
    overlay::Overlay,
    page::{PAGES, Page},
    state::State,
};

/// How the tabs are written, from the widest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Breadth {
    Roomy,
    Tight,
    Digits,
}

/// Draws the tabs.
pub(crate) fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let breadth = breadth(area.width);
    let mut spans = vec![Span::raw(" ")];
    for entry in PAGES {
        let here = entry.page == state.page && !matches!(state.overlay, Overlay::Help(_));
        let text = label(entry.page, breadth);
        if breadth == Breadth::Digits && entry.page == state.page {
            spans.push(Span::styled(label(entry.page, Breadth::Roomy), state.theme.selected()));
        } else if here {
            spans.push(Span::styled(text, state.theme.selected()));
        } else {
            let (digit, name) = text.split_at(text.find(entry.page.digit()).map_or(0, |at| at + 1));
            spans.push(Span::styled(digit.to_owned(), state.theme.key()));
            spans.push(Span::styled(name.to_owned(), state.theme.faint()));
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
    for entry in PAGES {
        let to = from + u16::try_from(label(entry.page, breadth).len()).unwrap_or(0);
        if (from..to).contains(&position.x) {
            return Some(entry.page);
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
        let cells: usize = PAGES.iter().map(|entry| label(entry.page, breadth).len() + 1).sum();
        cells < usize::from(width)
    };
    [Breadth::Roomy, Breadth::Tight].into_iter().find(|breadth| fits(*breadth)).unwrap_or(Breadth::Digits)
}
