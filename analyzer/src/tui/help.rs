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
    state::State,
    theme::{self, Theme},
    widget::{Section, fit, height as height_of, render},
};

/// The cells for the keys of a binding.
const KEYS_CELLS: usize = 12;

/// Draws the list of keys, from line `scrolled` on.
pub(crate) fn draw(theme: Theme, scrolled: u16, area: Rect, buffer: &mut Buffer) {
    let area = Rect { x: area.x + 1, width: area.width - 1, ..area };
    render(sections(theme), scrolled, area, buffer);
}

/// How high the list of keys is.
pub(crate) fn height() -> u16 {
    height_of(&sections(Theme { colours: false }))
}

/// Draws the most important keys, as far as there is room for whole ones.
pub(crate) fn draw_footer(state: &State, area: Rect, buffer: &mut Buffer) {
    let theme = state.theme;
    let mut line = Line::raw("");
    for (word, keys) in footer() {
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

fn sections(theme: Theme) -> Vec<Section<'static>> {
    let keys = Group::ALL.into_iter().map(|group| {
        let bindings = BINDINGS.iter().filter(|binding| binding.group == group);
        Section::lines(
            Line::styled(group.name(), theme.strong()),
            bindings.map(|one| line(one, theme)).collect(),
        )
    });
    keys.chain([signs(theme)]).collect()
}

fn line(binding: &Binding, theme: Theme) -> Line<'static> {
    let keys: Vec<String> = binding.keys.iter().copied().map(Key::label).collect();
    Line::from(vec![
        Span::raw("  "),
        Span::styled(fit(&keys.join(" "), KEYS_CELLS), theme.key()),
        Span::raw(binding.says),
    ])
}

/// What the signs on the timeline's axis mean.
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
    let mouse = "The wheel zooms where it points, a click sets the cursor.";
    let lines = lines.into_iter().chain([Line::raw(""), Line::styled(format!("  {mouse}"), theme.faint())]);
    Section::lines(Line::styled("Signs and mouse", theme.strong()), lines.collect())
}

/// The words of the footer with their keys, in the order of the table.
fn footer() -> Vec<(&'static str, String)> {
    let mut words: Vec<(&str, String)> = Vec::new();
    for binding in BINDINGS {
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
        let words = footer();
        assert_eq!(words[0], ("help", "?".to_owned()));
        assert!(words.contains(&("zoom", "+-".to_owned())));
        assert!(words.contains(&("event", "[]".to_owned())));
    }
}
