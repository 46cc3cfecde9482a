//! Signals: the terminal is given back before one of them ends or stops the process.

use std::{io, sync::mpsc::Sender};

use signal_hook::{
    consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP},
    iterator::Signals,
    low_level::emulate_default_handler,
};

use super::{action::Action, message::Message, thread::spawn};

/// Turns signals into messages.
pub(crate) fn watch(messages: Sender<Message>) -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGCONT])?;
    spawn("memtrace-signals", move || {
        for signal in signals.forever() {
            let message = match signal {
                SIGTSTP => Message::Action(Action::Suspend),
                SIGCONT => Message::Redraw,
                signal => Message::Die(signal),
            };
            if messages.send(message).is_err() {
                // The UI is over, so nothing stands between the signal and what it does by default.
                die(signal);
            }
        }
    });
    Ok(())
}

/// Does what the signal does by default: the process ends, and its parent learns of what.
pub(crate) fn die(signal: i32) {
    // It fails for signals that no process may catch; those never get here.
    let _ = emulate_default_handler(signal);
}

/// Stops the process until somebody continues it.
pub(crate) fn stop() -> io::Result<()> {
    emulate_default_handler(SIGTSTP)
}
