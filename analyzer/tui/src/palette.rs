//! The palette on `:`: everything that can be done, found by a few of its letters.
//!
//! ```text
//!  :zo█
//!   zoom in                                        + =
//!   zoom out                                       -
//! ```
//!
//! Without a letter the commands of the view come first, and those that end the program last, so that Enter does something
//! useful and never quits.

mod fuzzy;

use memtrace_analysis::{Text, report::Heap};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::Widget,
};

use super::{
    action::Action,
    keys::{BINDINGS, Binding, Group, Key},
    page::Page,
    prompt::{self, PromptOutcome},
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

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Command {
    says: String,
    keys: String,
    action: Action,
}

/// The effect of a key on the palette.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PaletteOutcome {
    /// The palette stays open.
    Open,
    /// The palette closes without a command.
    Closed,
    /// The chosen command.
    Action(Action),
}

impl Palette {
    /// Everything that can be done in a view with these keys of its own, in a run with these heaps.
    pub(crate) fn new(own: &[Binding], heaps: &[Heap]) -> Self {
        let everywhere = |group: Group| BINDINGS.iter().filter(move |one| one.group == group);
        let open = |binding: &&Binding| binding.action == Action::Open;
        let commands: Vec<Command> = own
            .iter()
            .map(|binding| of_binding(binding, "this view: "))
            .chain(everywhere(Group::Screen).filter(open).map(|one| of_binding(one, "")))
            .chain(Page::ALL.into_iter().map(|page| Command {
                says: format!("{}: {}", page.name().to_lowercase(), page.says()),
                keys: page.digit().to_string(),
                action: Action::Show(page),
            }))
            .chain(heaps.iter().enumerate().map(|(place, heap)| Command {
                says: format!("heap {}", heap.name),
                keys: String::new(),
                action: Action::HeapAt(place),
            }))
            .chain(
                [Group::Rows, Group::Time, Group::Screen]
                    .into_iter()
                    .flat_map(everywhere)
                    .filter(|one| !open(one))
                    .map(|one| of_binding(one, "")),
            )
            .chain(program().into_iter().map(|one| of_binding(one, "")))
            .collect();
        let mut palette = Self { text: String::new(), commands, found: Vec::new(), selected: 0 };
        palette.find();
        palette
    }

    /// Takes a key.
    pub(crate) fn press(&mut self, key: Key) -> PaletteOutcome {
        match key {
            Key::Up | Key::BackTab | Key::Control('p') => self.selected = self.selected.saturating_sub(1),
            Key::Down | Key::Tab | Key::Control('n') => {
                self.selected = (self.selected + 1).min(self.found.len().saturating_sub(1));
            }
            key => match prompt::write(&mut self.text, key) {
                PromptOutcome::Changed => self.find(),
                PromptOutcome::Cancelled => return PaletteOutcome::Closed,
                PromptOutcome::Nothing => {}
                PromptOutcome::Done => {
                    let chosen = self.found.get(self.selected).map(|&place| self.commands[place].action);
                    return chosen.map_or(PaletteOutcome::Closed, PaletteOutcome::Action);
                }
            },
        }
        PaletteOutcome::Open
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
        self.selected = 0;
        if self.text.trim().is_empty() {
            self.found = (0..self.commands.len()).collect();
            return;
        }
        let score = |command: &Command| fuzzy::score(&self.text, &command.says);
        let scored = self.commands.iter().enumerate().filter_map(|(place, one)| Some((score(one)?, place)));
        let mut scored: Vec<(u32, usize)> = scored.collect();
        scored.sort_by_key(|&(score, place)| (std::cmp::Reverse(score), place));
        self.found = scored.into_iter().map(|(_, place)| place).collect();
    }
}

/// The commands of the program itself, the one that ends it last. The palette is open already.
fn program() -> Vec<&'static Binding> {
    let is_of_program = |one: &&Binding| one.group == Group::Program && one.action != Action::Palette;
    let mut bindings: Vec<_> = BINDINGS.iter().filter(is_of_program).collect();
    bindings.sort_by_key(|one| match one.action {
        Action::Quit => 2,
        Action::Suspend => 1,
        _ => 0,
    });
    bindings
}

fn of_binding(binding: &Binding, about: &str) -> Command {
    let keys: Vec<String> = binding.keys.iter().copied().map(Key::label).collect();
    let about = if binding.group == Group::View { about } else { "" };
    Command { says: format!("{about}{}", binding.says), keys: keys.join(" "), action: binding.action }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(text: &str) -> PaletteOutcome {
        let mut palette = Palette::new(&[], &[]);
        for c in text.chars() {
            assert_eq!(palette.press(Key::Char(c)), PaletteOutcome::Open);
        }
        palette.press(Key::Enter)
    }

    #[test]
    fn a_few_letters_choose_what_to_do() {
        assert_eq!(chosen("zoom in"), PaletteOutcome::Action(Action::ZoomIn));
        assert_eq!(chosen("zout"), PaletteOutcome::Action(Action::ZoomOut));
        assert_eq!(chosen("timel"), PaletteOutcome::Action(Action::Show(Page::Timeline)));
        assert_eq!(chosen("quit"), PaletteOutcome::Action(Action::Quit));
        assert_eq!(chosen("no such thing"), PaletteOutcome::Closed);
    }

    #[test]
    fn without_a_letter_enter_does_what_the_view_is_for_and_never_ends_the_program() {
        assert_eq!(chosen(""), PaletteOutcome::Action(Action::Open));
        assert_eq!(chosen(" "), PaletteOutcome::Action(Action::Open));
        for page in Page::ALL {
            let own = crate::views::build(page).keys();
            let mut palette = Palette::new(own, &[]);
            let first = own.first().map_or(Action::Open, |binding| binding.action);
            assert_eq!(palette.press(Key::Enter), PaletteOutcome::Action(first), "{page:?}");
            let actions: Vec<Action> = palette.commands.iter().map(|command| command.action).collect();
            assert_eq!(actions[actions.len() - 2..], [Action::Suspend, Action::Quit], "{page:?}");
        }
    }

    #[test]
    fn every_command_is_found_by_its_own_words_and_the_selection_stays_in_the_list() {
        let palette = Palette::new(&[], &[]);
        for command in &palette.commands {
            assert_eq!(chosen(&command.says), PaletteOutcome::Action(command.action), "{}", command.says);
        }
        let mut palette = Palette::new(&[], &[]);
        for _ in 0..200 {
            palette.press(Key::Down);
        }
        assert_eq!(palette.selected, palette.commands.len() - 1);
        palette.press(Key::Char('q'));
        assert_eq!(palette.selected, 0);
        assert_eq!(palette.press(Key::Escape), PaletteOutcome::Closed);
    }
}
