//! Waking the UI when a view's worker has something to show.

use std::sync::mpsc::Sender;

use super::message::Message;

/// Wakes the UI from any thread. Cloned into workers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wake(Option<Sender<Message>>);

impl Wake {
    /// Wakes the UI that listens to these messages.
    pub(crate) fn new(messages: Sender<Message>) -> Self {
        Self(Some(messages))
    }

    /// Has every view asked for what its worker made, and a frame drawn.
    pub(crate) fn wake(&self) {
        if let Some(messages) = &self.0 {
            // Nobody listens any more when the UI has ended.
            let _ = messages.send(Message::Woken);
        }
    }
}
