//! The terminal: taken over, given back, whatever happens in between.

use std::{
    io::{self, BufWriter, Stdout, Write, stdout},
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

use crossterm::clipboard::CopyToClipboard;
use ratatui::{
    backend::CrosstermBackend,
    buffer::Buffer,
    crossterm::{
        cursor, event, execute,
        terminal::{self, EnterAlternateScreen, LeaveAlternateScreen},
    },
    layout::{Position, Rect, Size},
};

use super::worker;

/// True while this program owns the terminal. A process has one terminal, and the panic hook must know without holding
/// anything.
static OURS: AtomicBool = AtomicBool::new(false);

/// A frame is some ten kilobytes; it reaches the terminal in one piece.
const FRAME_BYTES: usize = 64 << 10;

/// The terminal while it is ours: raw, on its alternate screen, telling about the mouse. Dropping gives it back.
pub(crate) struct Terminal {
    inner: ratatui::Terminal<CrosstermBackend<BufWriter<Stdout>>>,
}

impl Terminal {
    /// Takes the terminal over.
    pub(crate) fn enter() -> io::Result<Self> {
        restore_on_panic();
        take()?;
        let writer = BufWriter::with_capacity(FRAME_BYTES, stdout());
        let inner = ratatui::Terminal::new(CrosstermBackend::new(writer)).inspect_err(|_| give_back())?;
        Ok(Self { inner })
    }

    /// Returns its size.
    pub(crate) fn size(&self) -> io::Result<Size> {
        self.inner.size()
    }

    /// Draws a frame.
    pub(crate) fn draw(&mut self, draw: impl FnOnce(Rect, &mut Buffer)) -> io::Result<()> {
        if !OURS.load(Ordering::SeqCst) {
            // Another thread panicked: its message is on the screen, and the end is near.
            return Ok(());
        }
        self.inner.draw(|frame| draw(frame.area(), frame.buffer_mut()))?;
        Ok(())
    }

    /// Asks the terminal to put this on the user's clipboard (OSC 52), across the network too. Many do; none answers.
    pub(crate) fn copy(&mut self, text: &str) -> io::Result<()> {
        execute!(stdout(), CopyToClipboard::to_clipboard_from(text))
    }

    /// Gives it back, for a while or for good.
    pub(crate) fn leave(&mut self) {
        give_back();
    }

    /// Takes it over again, and draws all of the next frame.
    pub(crate) fn resume(&mut self) -> io::Result<()> {
        give_back();
        take()?;
        // Not `clear`: it asks the terminal where the cursor is, and the answer would have to get past the thread that
        // reads the keyboard.
        let area = Rect::from((Position::ORIGIN, self.inner.size()?));
        self.inner.resize(area)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

fn take() -> io::Result<()> {
    terminal::enable_raw_mode()?;
    OURS.store(true, Ordering::SeqCst);
    execute!(stdout(), EnterAlternateScreen, event::EnableMouseCapture, cursor::Hide)
        .inspect_err(|_| give_back())
}

/// Puts everything back, once. A terminal that is gone cannot complain, and there is nobody to tell.
fn give_back() {
    if OURS.swap(false, Ordering::SeqCst) {
        let mut stdout = stdout();
        let _ = execute!(stdout, event::DisableMouseCapture, LeaveAlternateScreen, cursor::Show);
        let _ = stdout.flush();
        let _ = terminal::disable_raw_mode();
    }
}

/// A panic's message belongs on the user's own screen, so the terminal is given back before it is written. (That of a worker is
/// shown where its answer would be.)
fn restore_on_panic() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if worker::answers_panics() {
                return;
            }
            give_back();
            print(panic);
        }));
    });
}

#[cfg(test)]
mod tests;
