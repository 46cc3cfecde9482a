//! The keyboard and the mouse: events of the terminal become actions.

use std::sync::mpsc::Sender;

use ratatui::{
    crossterm::event::{
        self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind,
    },
    layout::{Position, Size},
};

use super::{
    action::{Action, Side},
    keys::Key,
    message::Message,
    thread::spawn,
};

/// Reads events until nobody listens or the terminal is gone.
pub(crate) fn watch(messages: Sender<Message>) {
    spawn("memtrace-input", move || {
        while let Ok(event) = event::read() {
            let Some(message) = message(&event) else { continue };
            if messages.send(message).is_err() {
                return;
            }
        }
        // Nobody listens any more when the UI has ended by itself.
        let _ = messages.send(Message::InputLost);
    });
}

fn message(event: &Event) -> Option<Message> {
    let action = match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => return key_of(key).map(Message::Key),
        Event::Mouse(mouse) => {
            let position = Position::new(mouse.column, mouse.row);
            match mouse.kind {
                MouseEventKind::Down(MouseButton::Left) => Action::Press(position),
                MouseEventKind::Drag(MouseButton::Left) => Action::Drag(position),
                MouseEventKind::Up(MouseButton::Left) => Action::Release(position),
                MouseEventKind::ScrollUp => Action::Wheel(Side::Forward, position),
                MouseEventKind::ScrollDown => Action::Wheel(Side::Back, position),
                _ => return None,
            }
        }
        Event::Resize(width, height) => Action::Resize(Size::new(*width, *height)),
        _ => return None,
    };
    Some(Message::Action(action))
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
        KeyCode::Backspace => Key::Backspace,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::action_of;

    #[test]
    fn keys_reach_the_table_with_their_modifiers() {
        let press = |code, modifiers| match message(&Event::Key(KeyEvent::new(code, modifiers))) {
            Some(Message::Key(key)) => action_of(key, &[]),
            Some(other) => panic!("{other:?}"),
            None => None,
        };
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Action::Quit));
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::NONE), None);
        assert_eq!(press(KeyCode::Char('q'), KeyModifiers::ALT), None);
        assert_eq!(press(KeyCode::Char('G'), KeyModifiers::SHIFT), Some(Action::Edge(Side::Forward)));
        assert_eq!(press(KeyCode::Left, KeyModifiers::SHIFT), Some(Action::MoveCursor(-10)));
        assert_eq!(press(KeyCode::Left, KeyModifiers::NONE), Some(Action::MoveCursor(-1)));
    }
}
