//! The list of keys on `?`, and the keys at the foot of the screen: both are the key table.
//!
//! ```text
//!  Time
//!     ←            cursor back
//!     Shift-← H    cursor back by ten
//! ```

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::Widget,
};

use super::{
    keys::{BINDINGS, Binding, Group, Key},
    page::Page,
    theme::{self, Theme},
    widget::{Section, fit, height as height_of, render},
};

/// The cells for the keys of a binding.
const KEYS_CELLS: usize = 12;

/// Draws the list of keys, with those of a view, from line `scrolled` on.
pub(crate) fn draw(own: &[Binding], theme: Theme, scrolled: u16, area: Rect, buffer: &mut Buffer) {
    let area = Rect { x: area.x + 1, width: area.width - 1, ..area };
    let sections = sections(own, theme);
    let below = height_of(&sections).saturating_sub(scrolled.saturating_add(area.height));
    render(sections, scrolled, area, buffer);
    if below > 0 {
        let foot = Rect { y: area.bottom() - 1, height: 1, ..area };
        buffer.set_style(foot, ratatui::style::Style::reset());
        let more = fit(&format!("  ↓ {} more lines", below + 1), usize::from(foot.width));
        Line::styled(more, theme.faint()).render(foot, buffer);
    }
}

/// Returns the height of the list of keys in lines, with those of a view.
pub(crate) fn height(own: &[Binding]) -> u16 {
    height_of(&sections(own, Theme { colours: false }))
}

/// Draws the most important keys, with those of a view, as far as there is room for whole ones.
pub(crate) fn draw_footer(
    own: &[Binding],
    has_time_axis: bool,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let mut line = Line::raw("");
    for (word, keys) in footer(own, has_time_axis) {
        let mut entry =
            vec![Span::raw(" "), Span::styled(keys, theme.key()), Span::raw(" "), Span::raw(word)];
        entry.push(Span::raw(" "));
        let entry = Line::from(entry);
        if line.width() + entry.width() > usize::from(area.width) {
            break;
        }
        line.spans.extend(entry.spans);
    }
    line.render(area, buffer);
}

fn sections(own: &[Binding], theme: Theme) -> Vec<Section<'static>> {
    let mut sections = Vec::new();
    for group in Group::ALL {
        let bindings = own.iter().chain(BINDINGS).filter(|binding| binding.group == group);
        let mut lines: Vec<Line<'static>> = bindings.map(|one| line(one, theme)).collect();
        if group == Group::Screen {
            lines.splice(0..0, Page::ALL.map(|page| page_line(page, theme)));
        }
        if !lines.is_empty() {
            sections.push(Section::lines(Line::styled(group.name(), theme.strong()), lines));
        }
    }
    sections.push(signs(theme));
    sections
}

fn page_line(page: Page, theme: Theme) -> Line<'static> {
    Line::from(vec![
        Span::raw("  "),
        Span::styled(fit(&page.digit().to_string(), KEYS_CELLS), theme.key()),
        Span::raw(format!("{}: {}", page.name().to_lowercase(), page.says())),
    ])
}

fn line(binding: &Binding, theme: Theme) -> Line<'static> {
    let keys: Vec<String> = binding.keys.iter().copied().map(Key::label).collect();
    Line::from(vec![
        Span::raw("  "),
        Span::styled(fit(&keys.join(" "), KEYS_CELLS), theme.key()),
        Span::raw(binding.says),
    ])
}

/// The meaning of the signs on the timeline's axis.
fn signs(theme: Theme) -> Section<'static> {
    let signs = [
        (theme::PEAK, theme.peak(), "the heap's peak"),
        (theme::OUT_OF_MEMORY, theme.bad(), "a request that failed: out of memory"),
        (theme::MARK, theme.strong(), "a mark of the program"),
        (theme::SWAP, theme.swap(), "a swap: a module went out for another"),
    ];
    let lines = signs.map(|(sign, style, says)| {
        Line::from(vec![
            Span::raw("  "),
            Span::styled(fit(&sign.to_string(), KEYS_CELLS), style),
            Span::raw(says),
        ])
    });
    let mouse = [
        "The wheel zooms where it points. A click sets the cursor, or selects a row;",
        "on the selected row it opens it. Dragging over time chooses a range.",
    ];
    let mouse = mouse.map(|line| Line::styled(format!("  {line}"), theme.faint()));
    let lines = lines.into_iter().chain([Line::raw("")]).chain(mouse);
    Section::lines(Line::styled("Signs and mouse", theme.strong()), lines.collect())
}

/// The words of the footer with their keys, in the order of the table, with those of a view. Without a time axis the keys of
/// rows come before those of time.
fn footer(own: &[Binding], has_time_axis: bool) -> Vec<(&'static str, String)> {
    let mut words: Vec<(&str, String)> = Vec::new();
    // The first two, help and quit, are what somebody who knows nothing looks for; then what is special here.
    let (first, rest) = BINDINGS.split_at(2);
    let mut rest: Vec<&Binding> = rest.iter().collect();
    if !has_time_axis {
        rest.sort_by_key(|binding| binding.group == Group::Time);
    }
    for binding in first.iter().chain(own).chain(rest) {
        let (Some(word), Some(key)) = (binding.footer, binding.keys.first()) else { continue };
        match words.iter_mut().find(|(known, _)| *known == word) {
            Some((_, keys)) => keys.push_str(&key.label()),
            None => words.push((word, key.label())),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_footer_comes_from_the_table() {
        let words = footer(&[], true);
        assert_eq!(words[0], ("help", "?".to_owned()));
        assert!(words.contains(&("zoom", "+-".to_owned())));
        assert!(words.contains(&("event", "[]".to_owned())));
    }

    #[test]
    fn without_a_time_axis_rows_come_first() {
        let place =
            |words: &[(&str, String)], word| words.iter().position(|(known, _)| *known == word).unwrap();
        let (with, without) = (footer(&[], true), footer(&[], false));
        assert!(place(&with, "zoom") < place(&with, "search"));
        assert!(place(&without, "zoom") > place(&without, "search"));
        assert_eq!(with.len(), without.len());
    }
}
