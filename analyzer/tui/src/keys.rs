//! The key table. What a key does, the help on `?`, the footer, the palette and `docs/keys.md` all come from here.

use super::{
    action::{Action, Scroll, Side},
    page::Page,
};

/// A key, as pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// A character.
    Char(char),
    /// A letter with Control.
    Control(char),
    /// ←
    Left,
    /// →
    Right,
    /// ↑
    Up,
    /// ↓
    Down,
    /// ← with Shift.
    ShiftLeft,
    /// → with Shift.
    ShiftRight,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Enter.
    Enter,
    /// Escape.
    Escape,
    /// Backspace.
    Backspace,
    /// Tab.
    Tab,
    /// Tab with Shift.
    BackTab,
}

impl Key {
    /// Returns the label printed on it.
    pub(crate) fn label(self) -> String {
        let name = match self {
            Self::Char(' ') => "Space",
            Self::Char(c) => return c.to_string(),
            Self::Control(c) => return format!("Ctrl-{}", c.to_ascii_uppercase()),
            Self::Left => "←",
            Self::Right => "→",
            Self::Up => "↑",
            Self::Down => "↓",
            Self::ShiftLeft => "Shift-←",
            Self::ShiftRight => "Shift-→",
            Self::Home => "Home",
            Self::End => "End",
            Self::PageUp => "PgUp",
            Self::PageDown => "PgDn",
            Self::Enter => "Enter",
            Self::Escape => "Esc",
            Self::Backspace => "Backspace",
            Self::Tab => "Tab",
            Self::BackTab => "Shift-Tab",
        };
        name.to_owned()
    }
}

/// The sections of the key table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// Actions of the view on the screen alone.
    View,
    /// Moving in time.
    Time,
    /// Rows.
    Rows,
    /// Views and the screen.
    Screen,
    /// The program itself.
    Program,
}

impl Group {
    /// Every group, in the order of the help.
    pub(crate) const ALL: [Self; 5] = [Self::View, Self::Time, Self::Rows, Self::Screen, Self::Program];

    /// The headline in the help.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::View => "This view",
            Self::Time => "Time",
            Self::Rows => "Rows",
            Self::Screen => "Screen",
            Self::Program => "Program",
        }
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    /// The section it belongs to.
    pub(crate) group: Group,
    /// The keys that do it, the most natural first.
    pub(crate) keys: &'static [Key],
    /// The action they cause.
    pub(crate) action: Action,
    /// The text in the help.
    pub(crate) says: &'static str,
    /// The word in the footer, which shows the first key of every binding with the same word; none: not there.
    pub(crate) footer: Option<&'static str>,
}

impl Binding {
    const fn new(group: Group, keys: &'static [Key], action: Action, says: &'static str) -> Self {
        Self { group, keys, action, says, footer: None }
    }

    /// A key of one view: it does what the view does for [`Action::Own`] of `name`.
    pub(crate) const fn own(keys: &'static [Key], name: &'static str, says: &'static str) -> Self {
        Self::new(Group::View, keys, Action::Own(name), says)
    }

    /// The same, with a word in the footer.
    pub(crate) const fn footer(self, word: &'static str) -> Self {
        Self { footer: Some(word), ..self }
    }
}

/// The table of the keys that mean the same in every view. The footer keeps its order and is cut at the right. (Digits show
/// the views; those are in [`Page`].)
pub(crate) const BINDINGS: &[Binding] = &[
    Binding::new(Group::Program, &[Key::Char('?')], Action::Help, "this help").footer("help"),
    Binding::new(Group::Program, &[Key::Char('q'), Key::Control('c')], Action::Quit, "quit").footer("quit"),
    Binding::new(Group::Program, &[Key::Char(':')], Action::Palette, "everything that can be done, by name")
        .footer("do"),
    Binding::new(Group::Screen, &[Key::Tab], Action::Turn(Side::Forward), "next view").footer("view"),
    Binding::new(Group::Screen, &[Key::BackTab], Action::Turn(Side::Back), "previous view"),
    Binding::new(Group::Screen, &[Key::Enter], Action::Open, "show what is selected where it shows best")
        .footer("open"),
    Binding::new(
        Group::Screen,
        &[Key::Escape],
        Action::Back,
        "back: close, drop the filter, the range, leave what was opened",
    )
    .footer("back"),
    Binding::new(Group::Screen, &[Key::Char('<')], Action::Heap(Side::Back), "previous heap").footer("heap"),
    Binding::new(Group::Screen, &[Key::Char('>')], Action::Heap(Side::Forward), "next heap").footer("heap"),
    Binding::new(Group::Time, &[Key::Left], Action::MoveCursor(-1), "cursor back").footer("cursor"),
    Binding::new(Group::Time, &[Key::Right], Action::MoveCursor(1), "cursor forward").footer("cursor"),
    Binding::new(
        Group::Time,
        &[Key::ShiftLeft, Key::Char('H')],
        Action::MoveCursor(-10),
        "cursor back by ten",
    ),
    Binding::new(
        Group::Time,
        &[Key::ShiftRight, Key::Char('L')],
        Action::MoveCursor(10),
        "cursor forward by ten",
    ),
    Binding::new(Group::Time, &[Key::Char('+'), Key::Char('=')], Action::ZoomIn, "zoom in").footer("zoom"),
    Binding::new(Group::Time, &[Key::Char('-')], Action::ZoomOut, "zoom out").footer("zoom"),
    Binding::new(Group::Time, &[Key::Char('0')], Action::Whole, "the whole run").footer("all"),
    Binding::new(Group::Time, &[Key::Char('h')], Action::Pan(Side::Back), "pan back").footer("pan"),
    Binding::new(Group::Time, &[Key::Char('l')], Action::Pan(Side::Forward), "pan forward").footer("pan"),
    Binding::new(Group::Time, &[Key::Char('p')], Action::Peak, "to the heap's peak").footer("peak"),
    Binding::new(
        Group::Time,
        &[Key::Char('P')],
        Action::LowerPeak,
        "to the next lower of the heap's distinct peaks",
    )
    .footer("peak"),
    Binding::new(
        Group::Time,
        &[Key::Char('[')],
        Action::Event(Side::Back),
        "previous failed request, mark or swap",
    )
    .footer("event"),
    Binding::new(
        Group::Time,
        &[Key::Char(']')],
        Action::Event(Side::Forward),
        "next failed request, mark or swap",
    )
    .footer("event"),
    Binding::new(
        Group::Time,
        &[Key::Char('g'), Key::Home],
        Action::Edge(Side::Back),
        "to the start; in a list, its first row",
    ),
    Binding::new(
        Group::Time,
        &[Key::Char('G'), Key::End],
        Action::Edge(Side::Forward),
        "to the end; in a list, its last row",
    ),
    Binding::new(
        Group::Time,
        &[Key::Char('r')],
        Action::Range,
        "begin a range at the cursor, and end it there",
    )
    .footer("range"),
    Binding::new(Group::Time, &[Key::Char('m')], Action::Mark, "mark the cursor with a letter"),
    Binding::new(Group::Time, &[Key::Char('\'')], Action::GoToMark, "to the mark with a letter"),
    Binding::new(
        Group::Rows,
        &[Key::Up, Key::Char('k')],
        Action::Scroll(Scroll::Line(Side::Back)),
        "a row up",
    )
    .footer("row"),
    Binding::new(
        Group::Rows,
        &[Key::Down, Key::Char('j')],
        Action::Scroll(Scroll::Line(Side::Forward)),
        "a row down",
    )
    .footer("row"),
    Binding::new(Group::Rows, &[Key::PageUp], Action::Scroll(Scroll::Page(Side::Back)), "a page up"),
    Binding::new(Group::Rows, &[Key::PageDown], Action::Scroll(Scroll::Page(Side::Forward)), "a page down"),
    Binding::new(Group::Rows, &[Key::Char(' ')], Action::Fold, "fold or unfold a row of a tree"),
    Binding::new(Group::Rows, &[Key::Char('z')], Action::FoldAll, "fold or unfold the whole tree"),
    Binding::new(Group::Rows, &[Key::Char('/')], Action::Search, "search").footer("search"),
    Binding::new(Group::Rows, &[Key::Char('n')], Action::Find(Side::Forward), "next match"),
    Binding::new(Group::Rows, &[Key::Char('N')], Action::Find(Side::Back), "previous match"),
    Binding::new(
        Group::Rows,
        &[Key::Char('F')],
        Action::Filter,
        "filter: words, !word, column:word, column>5MiB, column<20ms",
    )
    .footer("filter"),
    Binding::new(Group::Rows, &[Key::Char('s')], Action::Sort, "sort by the next column").footer("sort"),
    Binding::new(Group::Rows, &[Key::Char('S')], Action::Reverse, "sort the other way"),
    Binding::new(Group::Rows, &[Key::Char('v')], Action::Details, "read the selected row in full")
        .footer("read"),
    Binding::new(Group::Rows, &[Key::Char('y')], Action::Copy, "copy the selected row"),
    Binding::new(Group::Rows, &[Key::Char('Y')], Action::CopyAll, "copy all rows that are shown"),
    Binding::new(
        Group::Screen,
        &[Key::Char('x')],
        Action::Export,
        "export: the screen as SVG or text, the rows as CSV",
    ),
    Binding::new(Group::Program, &[Key::Control('z')], Action::Suspend, "stop until `fg`"),
];

/// Returns the action of a key, in a view that has these keys of its own.
pub(crate) fn action_of(key: Key, own: &[Binding]) -> Option<Action> {
    let page = Page::ALL.into_iter().find(|page| key == Key::Char(page.digit()));
    if let Some(page) = page {
        return Some(Action::Show(page));
    }
    let mut bindings = BINDINGS.iter().chain(own);
    bindings.find(|binding| binding.keys.contains(&key)).map(|binding| binding.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_view_has_a_number_key() {
        assert_eq!(action_of(Key::Char('1'), &[]), Some(Action::Show(Page::Overview)));
        for page in Page::ALL {
            assert_eq!(action_of(Key::Char(page.digit()), &[]), Some(Action::Show(page)));
        }
    }
}
