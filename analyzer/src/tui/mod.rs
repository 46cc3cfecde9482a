//! The terminal UI of `memtrace analyze`: a header, one view at a time, a footer of keys.
//!
//! ```text
//!  memtrace  run.trace · ended clean · 12.345 s · diffusion 0.1.0        header
//!  1 Overview  2 Timeline                              heap 1/2 cuda:0   tabs
//!                                                                        body: the view
//!  ? help  q quit  Tab view  ←→ cursor  +- zoom                          footer
//! ```
//!
//! Everything that is shown lives in [`state::State`], which knows no terminal: keys become [`action::Action`]s,
//! `State::update` takes one, and [`screen::draw`] draws the state into a buffer. The analysis runs on a thread of its
//! own, so the first frame does not wait for it. A new view is a file with its drawing, a line in
//! [`action::View`] and its keys in [`keys`].

mod action;
mod header;
mod help;
mod input;
mod keys;
mod memory_chart;
mod module_tree;
mod overview;
mod phase_lanes;
mod reading;
mod run;
mod screen;
mod signals;
mod state;
mod terminal;
mod theme;
mod timeline;
mod widget;
mod window;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod snapshot_tests;

use std::{io, path::Path, sync::mpsc, thread};

use self::{
    action::{Action, Flow},
    reading::Reading,
    state::State,
    terminal::Terminal,
    theme::Theme,
};
use crate::{Analysis, Progress, Text, import::OpenError};

/// Shows the analysis of the trace at `path` until the user has seen enough.
///
/// Needs a terminal on standard output, which is as it was before when this returns, panics or dies by a signal.
///
/// # Errors
///
/// The file cannot be read as a trace, or the terminal fails.
pub fn run(path: impl AsRef<Path>) -> Result<(), Error> {
    let path = path.as_ref();
    let (sender, messages) = mpsc::channel();
    signals::watch(sender.clone())?;
    let mut terminal = Terminal::enter()?;
    input::watch(sender.clone());
    let mut reading = Some(reading::start(path, sender));
    let mut state = State::new(file_name(path), Theme::of_environment(), terminal.size()?);
    loop {
        terminal.draw(|area, buffer| screen::draw(&state, area, buffer))?;
        let Ok(first) = messages.recv() else { return Ok(()) };
        // What has come in the meantime is drawn in one frame, however fast somebody scrolls.
        for message in std::iter::once(first).chain(messages.try_iter()) {
            let flow = match message {
                Message::Action(action) => state.update(action),
                Message::Progress(progress) => state.progress(progress),
                Message::Read => state.ready(finish(reading.take(), &mut terminal)?),
                Message::Redraw => terminal.resume().map(|()| Flow::Continue)?,
                Message::Die(signal) => {
                    terminal.leave();
                    signals::die(signal);
                    Flow::Quit
                }
                Message::InputLost => Flow::Quit,
            };
            match flow {
                Flow::Continue => {}
                Flow::Suspend => suspend(&mut terminal)?,
                Flow::Quit => return Ok(()),
            }
        }
    }
}

/// Why the UI ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read as a trace.
    #[error(transparent)]
    Read(#[from] OpenError),
    /// The terminal does not do what was asked of it.
    #[error("the terminal: {0}")]
    Terminal(#[from] io::Error),
}

/// What the threads around the UI tell it.
#[derive(Debug)]
enum Message {
    /// The user wants something.
    Action(Action),
    /// The analysis has come this far.
    Progress(Progress),
    /// The analysis is at its end.
    Read,
    /// Somebody else may have written to the terminal.
    Redraw,
    /// A signal asks the process to end.
    Die(i32),
    /// There is no keyboard any more.
    InputLost,
}

/// Takes what the reading thread found; a panic there goes on here.
fn finish(reading: Option<Reading>, terminal: &mut Terminal) -> Result<Box<Analysis>, Error> {
    let reading = reading.expect("a reading ends once");
    match reading.join() {
        Ok(analysis) => Ok(Box::new(analysis?)),
        Err(panic) => {
            terminal.leave();
            std::panic::resume_unwind(panic)
        }
    }
}

fn suspend(terminal: &mut Terminal) -> io::Result<()> {
    terminal.leave();
    signals::stop()?;
    terminal.resume()
}

/// The last part of the path: it names the run, and the folder is what the user just typed.
fn file_name(path: &Path) -> Text {
    let name = path.file_name().unwrap_or(path.as_os_str());
    Text::new(name.to_string_lossy())
}

/// Starts a thread that ends with the process.
fn spawn(name: &str, work: impl FnOnce() + Send + 'static) {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(work);
    spawned.expect("the system has a thread left");
}
