//! The terminal UI of `memtrace analyze`: a header, one view at a time, a footer of keys.
//!
//! ```text
//!  memtrace  run.trace · ended clean · 12.345 s · diffusion 0.1.0    heap 1/2 cuda:0
//!  1 Overview  2 Timeline                                                tabs
//!                                                                        body: the view
//!  ? help  q quit  Tab view  ←→ cursor  +- zoom                          footer
//! ```
//!
//! Everything that is shown lives in [`state::UiState`], which knows no terminal: keys become [`action::Action`]s,
//! `UiState::update` takes one, and [`screen::draw`] draws the state into a buffer. The analysis runs on a thread of its
//! own, so the first frame does not wait for it.
//!
//! # Adding a view
//!
//! A view is a file or a folder with a type that is [`view::View`], and a line in [`page::Page`] and in [`views::build`]; the tests of the frame
//! and the snapshots of every view at every size then include it. What it has to do:
//!
//! - It makes what it shows from [`open_run::OpenRun`] in `prepare`, where the report of the range, [`open_run::OpenRun::figures`], and the
//!   course of the run, `timeline`, are; `draw` only draws.
//! - Rows go into a [`listing::Listing`], which does selecting, scrolling, search, filter, sort, folding and copying alike
//!   in every view. The view returns it from `listing` and `listing_mut`, says in `rows` where its rows are, and draws
//!   it with `Listing::draw` or by itself from `Listing::on_screen`.
//! - With a time axis it returns the axis from `plot`; cursor, zoom, pan, marks and ranges are the frame's.
//! - What it does in a way of its own it does in `update`, which is asked first, for `Action::Back` too. Enter is
//!   `Action::Open`: `Answer::Open` with a [`goal::Goal`] leads to another view, and back on Esc; `visit` is called in the
//!   view that is opened.
//! - Keys of its own are [`keys::Binding::own`], returned from `keys`; they come back as `Action::Own`.
//! - Work that takes long goes to a [`worker::Worker`], with clones of `run.trace` or `run.snapshots`, and of `run.wake`;
//!   `settle` asks it when what it depends on has changed, its `wake()` brings about `woken`, which takes the answer. One that takes long
//!   says how far it is, and learns whether anybody still waits, by `Mailbox::tell`.
#![forbid(unsafe_code)]

mod action;
mod details;
mod effect;
mod everywhere;
mod export;
mod frame;
mod goal;
mod growth;
mod header;
mod help;
mod input;
mod instant;
mod keys;
mod ledger;
mod listing;
mod memory_chart;
mod message;
mod module_tree;
mod open_run;
mod opening;
mod overlay;
mod page;
mod palette;
mod phase_lanes;
mod prompt;
mod range_worker;
mod reading;
mod ready;
mod screen;
mod signals;
mod snapshot_cache;
mod state;
mod tabs;
mod terminal;
mod theme;
mod thread;
mod trail;
mod view;
mod views;
mod wake;
mod widget;
mod window;
mod worker;

mod events;
mod live;
mod map;
mod overview;
mod residency;
mod swaps;
mod timeline;

#[cfg(test)]
mod circles;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod keys_document;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod snapshot_tests;

use std::{io, path::Path, sync::mpsc};

use memtrace_analysis::Text;
use memtrace_import::OpenError;

use self::{
    effect::Effect, message::Message, reading::ReadingThread, state::UiState, terminal::Terminal,
    theme::Theme, wake::Wake,
};

/// Shows the analysis of the trace at `path` until the user has seen enough.
///
/// Needs a terminal on standard output, which is as it was before when this returns, panics or dies by a signal.
///
/// # Errors
///
/// The file cannot be read as a trace, or the terminal fails.
pub fn run(path: impl AsRef<Path>) -> Result<(), Error> {
    show(path.as_ref(), false)
}

/// As [`run()`], and while the trace is being written the analysis is made anew, about once a second. Only the file is read:
/// the engine does not know.
///
/// # Errors
///
/// As [`run()`]; a trace that cannot be read any more is no error: what was read last stays on the screen.
pub fn follow(path: impl AsRef<Path>) -> Result<(), Error> {
    show(path.as_ref(), true)
}

fn show(path: &Path, follow: bool) -> Result<(), Error> {
    let (sender, messages) = mpsc::channel();
    signals::watch(sender.clone())?;
    let mut terminal = Terminal::enter()?;
    input::watch(sender.clone());
    let wake = Wake::new(sender.clone());
    let mut reading = Some(reading::start(path, follow, sender));
    let mut state = UiState::new(file_name(path), Theme::of_environment(), terminal.size()?);
    state.following = follow;
    loop {
        terminal.draw(|area, buffer| screen::draw(&state, area, buffer))?;
        let Ok(first) = messages.recv() else { return Ok(()) };
        // What has come in the meantime is drawn in one frame, however fast somebody scrolls.
        for message in std::iter::once(first).chain(messages.try_iter()) {
            let effect = match message {
                Message::Action(action) => state.update(action),
                Message::Key(key) => state.press(key),
                Message::Woken => state.woken(),
                Message::Opened(facts) => state.opened(facts),
                Message::Progress(progress) => state.progress(progress),
                Message::Found(so_far) => state.found(so_far),
                Message::Analyzed(analysis, trace) => state.ready(*analysis, Some(trace), wake.clone()),
                Message::Lost(error) => state.lost(&error),
                Message::Read => finish(reading.take(), &mut terminal).map(|()| state.read())?,
                Message::Redraw => terminal.resume().map(|()| Effect::Continue)?,
                Message::Die(signal) => {
                    terminal.leave();
                    signals::die(signal);
                    Effect::Quit
                }
                Message::InputLost => Effect::Quit,
            };
            match effect {
                Effect::Continue => {}
                Effect::Copy(text) => terminal.copy(&text)?,
                Effect::Save(export) => state.message = Some(export.save()),
                Effect::Suspend => suspend(&mut terminal)?,
                Effect::Quit => return Ok(()),
            }
        }
    }
}

/// The reason why the UI ended early.
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

/// Asks the reading thread how it ended; a panic there goes on here.
fn finish(reading: Option<ReadingThread>, terminal: &mut Terminal) -> Result<(), Error> {
    let reading = reading.expect("a reading ends once");
    match reading.join() {
        Ok(read) => Ok(read?),
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
