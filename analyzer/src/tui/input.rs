//! The keyboard and the mouse: events of the terminal become actions.

use std::sync::mpsc::Sender;

use ratatui::{
    crossterm::event::{
        self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind,
    },
    layout::{Position, Size},
};

use super::{
    Message,
    action::{Action, Side},
    keys::{Key, action_of},
    spawn,
};

/// Reads events until nobody listens or the terminal is gone.
pub(crate) fn watch(messages: Sender<Message>) {
    spawn("memtrace-input", move || {
        while let Ok(event) = event::read() {
            let Some(action) = action(&event) else { continue };
            if messages.send(Message::Action(action)).is_err() {
                return;
            }
        }
        // Nobody listens any more when the UI has ended by itself.
        let _ = messages.send(Message::InputLost);
    });
}

fn action(event: &Event) -> Option<Action> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => action_of(key_of(key)?),
        Event::Mouse(mouse) => {
            let position = Position::new(mouse.column, mouse.row);
            match mouse.kind {
                MouseEventKind::Down(MouseButton::Left) | MouseEventKind::Drag(MouseButton::Left) => {
                    Some(Action::Click(position))
                }
                MouseEventKind::ScrollUp => Some(Action::Wheel(Side::Forward, position)),
                MouseEventKind::ScrollDown => Some(Action::Wheel(Side::Back, position)),
                _ => None,
            }
        }
        Event::Resize(width, height) => Some(Action::Resize(Size::new(*width, *height))),
        _ => None,
    }
}

fn key_of(event: &KeyEvent) -> Option<Key> {
    let shift = event.modifiers.contains(KeyModifiers::SHIFT);
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    Some(match event.code {
        KeyCode::Char(c) if control => Key::Control(c.to_ascii_lowercase()),
        KeyCode::Char(_) if event.modifiers.contains(KeyModifiers::ALT) => return None,
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Left if shift => Key::ShiftLeft,
        KeyCode::Right if shift => Key::ShiftRight,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_reach_the_table_with_their_modifiers() {
        let press = |code, modifiers| action(&Event::Key(KeyEvent::new(code, modifiers)));
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Action::Quit));
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::NONE), None);
        assert_eq!(press(KeyCode::Char('q'), KeyModifiers::ALT), None);
        assert_eq!(press(KeyCode::Char('G'), KeyModifiers::SHIFT), Some(Action::Edge(Side::Forward)));
        assert_eq!(press(KeyCode::Left, KeyModifiers::SHIFT), Some(Action::MoveCursor(-10)));
        assert_eq!(press(KeyCode::Left, KeyModifiers::NONE), Some(Action::MoveCursor(-1)));
    }
}
