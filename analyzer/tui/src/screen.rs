//! The screen: a header, tabs, the view, and at the foot the keys, a message or what the user writes.

use memtrace_analysis::{Text, as_positions};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::{Line, Span},
    widgets::Widget,
};

use super::{
    details,
    frame::{self, SMALLEST},
    header::{self, Header},
    help,
    overlay::{Letter, Overlay},
    state::{Content, UiState},
    tabs,
    widget::{fit_tail, put},
};

/// Draws the state.
pub(crate) fn draw(state: &UiState, area: Rect, buffer: &mut Buffer) {
    let has_times = match &state.content {
        Content::Ready(ready) => ready.run.report.trace.has_times(),
        Content::Reading(_) => true,
    };
    as_positions(!has_times, || draw_whole(state, area, buffer));
}

fn draw_whole(state: &UiState, area: Rect, buffer: &mut Buffer) {
    if area.width < SMALLEST.width || area.height < SMALLEST.height {
        return draw_too_small(area, buffer);
    }
    header::draw(&header(state), Rect { height: 1, ..area }, buffer);
    let covered = matches!(state.overlay, Overlay::Help(_));
    tabs::draw(state.page, covered, state.theme, frame::tabs(area.as_size()), buffer);
    draw_foot(state, Rect { y: area.bottom() - 1, height: 1, ..area }, buffer);
    let body = frame::body(area.as_size());
    draw_body(state, body, buffer);
}

fn draw_body(state: &UiState, body: Rect, buffer: &mut Buffer) {
    match (&state.content, &state.overlay) {
        (_, Overlay::Help(scrolled)) => help::draw(state.own_keys(), state.theme, *scrolled, body, buffer),
        (_, Overlay::Palette(palette)) => palette.draw(state.theme, body, buffer),
        (Content::Ready(ready), Overlay::Details(scrolled)) => {
            if let Some(listing) = ready.view(state.page).listing() {
                details::draw(listing, state.theme, *scrolled, body, buffer);
            }
        }
        (Content::Reading(opening), _) => opening.draw(state.theme, body, buffer),
        (Content::Ready(ready), _) => ready.view(state.page).draw(&ready.run, state.theme, body, buffer),
    }
}

/// Draws the state as it is on the screen.
pub(crate) fn drawn(state: &UiState) -> Buffer {
    let area = Rect::from((Position::ORIGIN, state.size));
    let mut buffer = Buffer::empty(area);
    draw(state, area, &mut buffer);
    buffer
}

fn header(state: &UiState) -> Header<'_> {
    let ready = match &state.content {
        Content::Ready(ready) => Some(ready),
        Content::Reading(_) => None,
    };
    Header {
        file: &state.file,
        run: ready.map(|ready| &ready.run),
        listing: state.listing(),
        following: state.following,
        theme: state.theme,
    }
}

fn draw_foot(state: &UiState, area: Rect, buffer: &mut Buffer) {
    let theme = state.theme;
    match &state.overlay {
        Overlay::Prompt(prompt) => {
            let label = prompt.purpose.label();
            let room = usize::from(area.width).saturating_sub(label.len() + 3);
            // The user's own text can be pasted from anywhere.
            let text = Text::new(prompt.text.as_str()).to_string();
            let shown = if super::widget::width(&text) > room { fit_tail(&text, room) } else { text };
            Line::from(vec![
                Span::raw(" "),
                Span::styled(label, theme.key()),
                Span::raw(shown),
                Span::styled(" ", theme.selected()),
            ])
            .render(area, buffer);
        }
        Overlay::Letter(letter) => {
            let marks = match (&state.content, letter) {
                (Content::Ready(ready), Letter::GoTo) => {
                    ready.run.marks.iter().map(|(name, time)| format!("  {name} {time}")).collect()
                }
                _ => String::new(),
            };
            let says = if *letter == Letter::Mark { "mark the cursor with which letter?" } else { "to mark" };
            Line::from(vec![Span::styled(format!(" {says}"), theme.key()), Span::raw(marks)])
                .render(area, buffer);
        }
        _ => match &state.message {
            Some(message) => put(&Line::styled(format!(" {message}"), theme.strong()), area, buffer),
            None => help::draw_footer(state.own_keys(), state.has_time_axis(), theme, area, buffer),
        },
    }
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
