//! The key table. What a key does, the help on `?` and the footer all come from here.

use super::action::{Action, Scroll, Side, View};

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
    /// Tab.
    Tab,
    /// Tab with Shift.
    BackTab,
}

impl Key {
    /// What is printed on it.
    pub(crate) fn label(self) -> String {
        let name = match self {
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
            Self::Tab => "Tab",
            Self::BackTab => "Shift-Tab",
        };
        name.to_owned()
    }
}

/// What the keys of a part of the table are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// Moving in time.
    Time,
    /// What is on the screen.
    Screen,
    /// The program.
    Program,
}

impl Group {
    /// Every group, in the order of the help.
    pub(crate) const ALL: [Self; 3] = [Self::Time, Self::Screen, Self::Program];

    /// The headline in the help.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Time => "Time",
            Self::Screen => "Screen",
            Self::Program => "Program",
        }
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    /// What it is about.
    pub(crate) group: Group,
    /// The keys that do it, the most natural first.
    pub(crate) keys: &'static [Key],
    /// What they do.
    pub(crate) action: Action,
    /// What the help says.
    pub(crate) says: &'static str,
    /// The word in the footer, which shows the first key of every binding with the same word; none: not there.
    pub(crate) footer: Option<&'static str>,
}

impl Binding {
    const fn new(group: Group, keys: &'static [Key], action: Action, says: &'static str) -> Self {
        Self { group, keys, action, says, footer: None }
    }

    const fn footer(self, word: &'static str) -> Self {
        Self { footer: Some(word), ..self }
    }
}

/// The table. The footer keeps its order and is cut at the right.
pub(crate) const BINDINGS: &[Binding] = &[
    Binding::new(Group::Program, &[Key::Char('?')], Action::Help, "this help").footer("help"),
    Binding::new(Group::Program, &[Key::Char('q'), Key::Control('c')], Action::Quit, "quit").footer("quit"),
    Binding::new(Group::Screen, &[Key::Tab], Action::Turn(Side::Forward), "next view").footer("view"),
    Binding::new(Group::Screen, &[Key::BackTab], Action::Turn(Side::Back), "previous view"),
    Binding::new(Group::Screen, &[Key::Char('1')], Action::Show(View::Overview), "overview: what happened"),
    Binding::new(
        Group::Screen,
        &[Key::Char('2')],
        Action::Show(View::Timeline),
        "timeline: when it happened",
    ),
    Binding::new(Group::Screen, &[Key::Enter], Action::Open, "show the peak in the timeline"),
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
    Binding::new(Group::Time, &[Key::Char('g'), Key::Home], Action::Edge(Side::Back), "to the start"),
    Binding::new(Group::Time, &[Key::Char('G'), Key::End], Action::Edge(Side::Forward), "to the end"),
    Binding::new(
        Group::Screen,
        &[Key::Up, Key::Char('k')],
        Action::Scroll(Scroll::Line(Side::Back)),
        "scroll up",
    )
    .footer("scroll"),
    Binding::new(
        Group::Screen,
        &[Key::Down, Key::Char('j')],
        Action::Scroll(Scroll::Line(Side::Forward)),
        "scroll down",
    )
    .footer("scroll"),
    Binding::new(Group::Screen, &[Key::PageUp], Action::Scroll(Scroll::Page(Side::Back)), "a page up"),
    Binding::new(Group::Screen, &[Key::PageDown], Action::Scroll(Scroll::Page(Side::Forward)), "a page down"),
    Binding::new(Group::Program, &[Key::Escape], Action::Back, "back; from here, quit"),
    Binding::new(Group::Program, &[Key::Control('z')], Action::Suspend, "stop until `fg`"),
];

/// What a key does.
pub(crate) fn action_of(key: Key) -> Option<Action> {
    BINDINGS.iter().find(|binding| binding.keys.contains(&key)).map(|binding| binding.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things() {
        let keys: Vec<Key> = BINDINGS.iter().flat_map(|binding| binding.keys).copied().collect();
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{key:?}");
        }
    }

    #[test]
    fn every_view_has_a_number_key() {
        for (index, view) in View::ALL.into_iter().enumerate() {
            let digit = char::from_digit(index as u32 + 1, 10).unwrap();
            assert_eq!(action_of(Key::Char(digit)), Some(Action::Show(view)));
        }
    }
}
