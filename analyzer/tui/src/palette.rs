//! The palette on `:`: everything that can be done, found by a few of its letters.
//!
//! ```text
//!  :zo█
//!   zoom in                                        + =
//!   zoom out                                       -
//! ```

mod fuzzy;

use memtrace_analysis::Text;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::Widget,
};

use super::{
    action::Action,
    keys::{BINDINGS, Binding, Group, Key},
    page::PAGES,
    prompt::{self, Written},
    run::Run,
    theme::Theme,
    widget::{fit, fit_tail, width},
};

/// The cells for the keys of a command.
const KEYS_CELLS: usize = 12;

/// The palette, open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Palette {
    text: String,
    commands: Vec<Command>,
    /// The commands that the text finds, the best first.
    found: Vec<usize>,
    selected: usize,
}

/// Something that can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Command {
    says: String,
    keys: String,
    action: Action,
}

/// What a key made of the palette.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// Nothing yet.
    Open,
    /// Nothing, and it is to be closed.
    Closed,
    /// This is to be done.
    Action(Action),
}

impl Palette {
    /// Everything that can be done in a view with these keys of its own.
    pub(crate) fn new(own: &[Binding], run: Option<&Run>) -> Self {
        let heaps = run.map_or(&[][..], |run| &run.report.heaps);
        let commands: Vec<Command> = own
            .iter()
            .map(|binding| of_binding(binding, "this view: "))
            .chain(PAGES.iter().map(|entry| Command {
                says: format!("{}: {}", entry.page.name().to_lowercase(), entry.says),
                keys: entry.page.digit().to_string(),
                action: Action::Show(entry.page),
            }))
            .chain(heaps.iter().enumerate().map(|(place, heap)| Command {
                says: format!("heap {}", heap.name),
                keys: String::new(),
                action: Action::HeapAt(place),
            }))
            .chain(BINDINGS.iter().filter(|one| one.action != Action::Palette).map(|one| of_binding(one, "")))
            .collect();
        let mut palette = Self { text: String::new(), commands, found: Vec::new(), selected: 0 };
        palette.find();
        palette
    }

    /// Takes a key.
    pub(crate) fn press(&mut self, key: Key) -> Chosen {
        match key {
            Key::Up | Key::BackTab | Key::Control('p') => self.selected = self.selected.saturating_sub(1),
            Key::Down | Key::Tab | Key::Control('n') => {
                self.selected = (self.selected + 1).min(self.found.len().saturating_sub(1));
            }
            key => match prompt::write(&mut self.text, key) {
                Written::Changed => self.find(),
                Written::Cancelled => return Chosen::Closed,
                Written::Nothing => {}
                Written::Done => {
                    let chosen = self.found.get(self.selected).map(|&place| self.commands[place].action);
                    return chosen.map_or(Chosen::Closed, Chosen::Action);
                }
            },
        }
        Chosen::Open
    }

    /// Draws it.
    pub(crate) fn draw(&self, theme: Theme, area: Rect, buffer: &mut Buffer) {
        let cells = usize::from(area.width).saturating_sub(KEYS_CELLS + 4);
        let text = Text::new(self.text.as_str()).to_string();
        let text = if width(&text) > cells { fit_tail(&text, cells) } else { text };
        let head = Line::from(vec![
            Span::styled(" :", theme.key()),
            Span::raw(text),
            Span::styled(" ", theme.selected()),
        ]);
        let room = usize::from(area.height.saturating_sub(1)).max(1);
        let top = (self.selected + 1).saturating_sub(room);
        let commands = self.found.iter().enumerate().skip(top).map(|(place, &found)| {
            let command = &self.commands[found];
            let says = Span::raw(format!("  {}", fit(&command.says, cells)));
            let line = Line::from(vec![says, Span::styled(fit(&command.keys, KEYS_CELLS), theme.key())]);
            if place == self.selected { line.patch_style(theme.selected()) } else { line }
        });
        let nothing = self.found.is_empty().then(|| Line::styled("  nothing is called that", theme.faint()));
        for (line, row) in [head].into_iter().chain(commands).chain(nothing).zip(area.rows()) {
            line.render(row, buffer);
        }
    }

    fn find(&mut self) {
        let score = |command: &Command| fuzzy::score(&self.text, &command.says);
        let scored = self.commands.iter().enumerate().filter_map(|(place, one)| Some((score(one)?, place)));
        let mut scored: Vec<(u32, usize)> = scored.collect();
        scored.sort_by_key(|&(score, place)| (std::cmp::Reverse(score), place));
        self.found = scored.into_iter().map(|(_, place)| place).collect();
        self.selected = 0;
    }
}

fn of_binding(binding: &Binding, about: &str) -> Command {
    let keys: Vec<String> = binding.keys.iter().copied().map(Key::label).collect();
    let about = if binding.group == Group::View { about } else { "" };
    Command { says: format!("{about}{}", binding.says), keys: keys.join(" "), action: binding.action }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Page;

    fn chosen(text: &str) -> Chosen {
        let mut palette = Palette::new(&[], None);
        for c in text.chars() {
            assert_eq!(palette.press(Key::Char(c)), Chosen::Open);
        }
        palette.press(Key::Enter)
    }

    #[test]
    fn a_few_letters_choose_what_to_do() {
        assert_eq!(chosen("zoom in"), Chosen::Action(Action::ZoomIn));
        assert_eq!(chosen("zout"), Chosen::Action(Action::ZoomOut));
        assert_eq!(chosen("timel"), Chosen::Action(Action::Show(Page::Timeline)));
        assert_eq!(chosen("quit"), Chosen::Action(Action::Quit));
        assert_eq!(chosen("no such thing"), Chosen::Closed);
    }

    #[test]
    fn every_command_is_found_by_its_own_words_and_the_selection_stays_in_the_list() {
        let palette = Palette::new(&[], None);
        for command in &palette.commands {
            assert_eq!(chosen(&command.says), Chosen::Action(command.action), "{}", command.says);
        }
        let mut palette = Palette::new(&[], None);
        for _ in 0..200 {
            palette.press(Key::Down);
        }
        assert_eq!(palette.selected, palette.commands.len() - 1);
        palette.press(Key::Char('q'));
        assert_eq!(palette.selected, 0);
        assert_eq!(palette.press(Key::Escape), Chosen::Closed);
    }
}
