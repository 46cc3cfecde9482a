//! Overlays over the view: the help, a line of text to type, the palette.

use ratatui::layout::Rect;

use super::{
    action::{Action, Scroll, Side},
    palette::Palette,
    prompt::Prompt,
};

/// The overlay that takes the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Overlay {
    /// Nothing.
    None,
    /// The list of keys, scrolled so far.
    Help(u16),
    /// The selected row in full, scrolled so far.
    Details(u16),
    /// A line of text at the foot.
    Prompt(Prompt),
    /// Everything that can be done.
    Palette(Palette),
    /// The next key is a letter for a mark.
    Letter(Letter),
}

/// The purpose of a letter that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Letter {
    /// Naming the instant under the cursor.
    Mark,
    /// Going to a named instant.
    GoTo,
}

/// Scrolls the list of keys, or a row in full.
pub(super) fn scroll(scrolled: &mut u16, action: Action, body: Rect) {
    let (side, by) = match action {
        Action::Scroll(Scroll::Line(side)) => (side, 1),
        Action::Scroll(Scroll::Page(side)) => (side, body.height.saturating_sub(2).max(1)),
        Action::Wheel(Side::Forward, _) => (Side::Back, 3),
        Action::Wheel(Side::Back, _) => (Side::Forward, 3),
        _ => return,
    };
    *scrolled = match side {
        Side::Back => scrolled.saturating_sub(by),
        Side::Forward => scrolled.saturating_add(by),
    };
}
