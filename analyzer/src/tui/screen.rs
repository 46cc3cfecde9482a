//! The screen: a header, tabs, the view, and the keys at its foot.

use ratatui::{
    buffer::Buffer,
    layout::{Rect, Size},
    text::Line,
    widgets::Widget,
};

use super::{
    action::View,
    header, help, overview,
    state::{Content, State},
    timeline,
};

/// On a smaller screen nothing can be told.
pub(crate) const SMALLEST: Size = Size::new(40, 10);

/// The lines above the view.
const ABOVE: u16 = 2;
/// The lines below the view.
const BELOW: u16 = 1;

/// Draws the state.
pub(crate) fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    if area.width < SMALLEST.width || area.height < SMALLEST.height {
        return draw_too_small(area, buffer);
    }
    header::draw_run(state, Rect { height: 1, ..area }, buffer);
    header::draw_tabs(state, Rect { y: area.y + 1, height: 1, ..area }, buffer);
    help::draw_footer(state, Rect { y: area.bottom() - 1, height: 1, ..area }, buffer);
    let body = body(area.as_size());
    match (&state.content, state.help) {
        (_, Some(scrolled)) => help::draw(state.theme, scrolled, body, buffer),
        (Content::Reading(progress), None) => header::draw_progress(state.theme, *progress, body, buffer),
        (Content::Ready(run), None) => match state.view {
            View::Overview => overview::draw(run, state.theme, body, buffer),
            View::Timeline => timeline::draw(run, state.theme, body, buffer),
        },
    }
}

/// Where the view is, on a screen of this size.
pub(crate) fn body(size: Size) -> Rect {
    Rect::new(0, ABOVE, size.width, size.height.saturating_sub(ABOVE + BELOW))
}

fn draw_too_small(area: Rect, buffer: &mut Buffer) {
    let lines = [
        format!("memtrace needs {}×{}", SMALLEST.width, SMALLEST.height),
        format!("this is {}×{}", area.width, area.height),
        "q quits".to_owned(),
    ];
    let top = area.height.saturating_sub(3) / 2;
    for (line, row) in lines.into_iter().zip(area.rows().skip(usize::from(top))) {
        Line::raw(line).centered().render(row, buffer);
    }
}
