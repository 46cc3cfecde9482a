use std::{
    fs::File,
    io::{Read, Write},
    num::NonZero,
    os::fd::{FromRawFd, OwnedFd},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use memtrace_analyzer::Trace;

use crate::{programs, survival::running::wait_until};

/// The interactive view on a real terminal: it draws, switches views, explains its keys, and leaves the terminal as it was.
#[test]
fn the_interactive_view_answers_keys_and_leaves_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("run.trace");
    programs::run_diffusion(&trace, &["--device", "host", "--tier", "lowvram", "--steps", "2"], &[]);
    let mut terminal = Terminal::start(programs::memtrace().arg("analyze").arg(&trace));
    terminal.await_text("Overview");
    terminal.await_text("Peak");
    terminal.press("2");
    terminal.await_text("phases");
    terminal.press("?");
    terminal.await_text("cursor back by ten");
    terminal.press("q");
    let (status, output) = terminal.finish();
    assert!(status.success(), "{status}");
    // The alternate screen is entered once and left once, and the cursor is shown again.
    for (sequence, what) in [("\x1b[?1049h", "entered"), ("\x1b[?1049l", "left")] {
        assert_eq!(output.matches(sequence).count(), 1, "the alternate screen is {what}");
    }
    assert!(output.rfind("\x1b[?25h") > output.rfind("\x1b[?25l"), "the cursor is shown at the end");
}

/// A trace is followed while the engine works, and told to its end.
#[test]
fn a_running_engine_is_followed_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("run.trace");
    let mut engine = programs::diffusion();
    // It would work for longer than anybody waits.
    engine.args(programs::DIFFUSION).args([
        "--device",
        "host",
        "--jobs",
        "10000",
        "--steps",
        "1000",
        "--compute",
        "20000",
    ]);
    let mut engine = engine.env("MEMTRACE_FILE", &trace).stdout(Stdio::null()).spawn().unwrap();
    wait_until("the engine records", || Trace::open(&trace).is_ok());
    let mut terminal = Terminal::start(programs::memtrace().args(["analyze", "--follow"]).arg(&trace));
    terminal.await_text("following");
    // The run becomes longer by itself, twice.
    for _ in 0..2 {
        let seen = terminal.header();
        terminal.await_screen("a longer run", |terminal| terminal.header() != seen);
        assert!(terminal.header().contains("following"), "{}", terminal.screen());
    }
    engine.kill().unwrap();
    engine.wait().unwrap();
    terminal.await_text("killed");
    terminal.press("q");
    assert!(terminal.finish().0.success());
}

/// Following is for somebody who looks.
#[test]
fn without_a_terminal_nothing_is_followed() {
    let output = programs::memtrace().args(["analyze", "--follow", "/dev/null"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("needs a terminal"));
}

/// A file that is no trace: the message is on the terminal, and so is the prompt.
#[test]
fn an_unreadable_file_ends_with_a_message_and_status_3() {
    let terminal = Terminal::start(programs::memtrace().arg("analyze").arg(Path::new("/dev/null")));
    let (status, output) = terminal.finish();
    assert_eq!(status.code(), Some(3));
    assert!(output.contains("/dev/null"), "{output}");
    assert_eq!(output.matches("\x1b[?1049h").count(), output.matches("\x1b[?1049l").count());
}

const ROWS: NonZero<u16> = NonZero::new(40).unwrap();
const COLUMNS: NonZero<u16> = NonZero::new(100).unwrap();

/// How long a busy machine may take over anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program on a terminal of its own.
struct Terminal {
    program: Child,
    keyboard: File,
    output: Receiver<Vec<u8>>,
    written: Vec<u8>,
    emulator: vt100::Parser,
}

impl Terminal {
    fn start(command: &mut Command) -> Self {
        let (master, slave) = open_terminal();
        let mut screen = File::from(master);
        let keyboard = screen.try_clone().unwrap();
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
        command.stdin(slave.try_clone().unwrap()).stdout(slave.try_clone().unwrap()).stderr(slave);
        let program = command.spawn().unwrap();
        // The command holds the program's end of the terminal; closed here too, reading ends when the program does.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let (sender, output) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            program,
            keyboard,
            output,
            written: Vec::new(),
            emulator: vt100::Parser::new(ROWS, COLUMNS, 0),
        }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until `text` stands on the screen.
    fn await_text(&mut self, text: &str) {
        self.await_screen(text, |terminal| terminal.screen().contains(text));
    }

    /// Waits until the screen is as it shall be.
    fn await_screen(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let patience = Instant::now() + PATIENCE;
        while !is_so(self) {
            match self.output.recv_timeout(patience.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.take_in(&bytes),
                Err(error) => panic!("no {what:?} on the screen ({error}):\n{}", self.screen()),
            }
        }
    }

    /// The first line of the screen.
    fn header(&self) -> String {
        self.screen().lines().next().unwrap_or_default().to_owned()
    }

    /// Waits for the end, and returns all that was written to the terminal.
    fn finish(mut self) -> (ExitStatus, String) {
        let patience = Instant::now() + PATIENCE;
        loop {
            match self.output.recv_timeout(patience.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.take_in(&bytes),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("the program does not end:\n{}", self.screen()),
            }
        }
        (self.program.wait().unwrap(), String::from_utf8_lossy(&self.written).into_owned())
    }

    fn take_in(&mut self, bytes: &[u8]) {
        self.emulator.process(bytes);
        self.written.extend_from_slice(bytes);
    }

    fn screen(&self) -> String {
        self.emulator.screen().contents()
    }
}

fn open_terminal() -> (OwnedFd, OwnedFd) {
    let (mut master, mut slave) = (-1, -1);
    let size = libc::winsize { ws_row: ROWS.get(), ws_col: COLUMNS.get(), ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: both places are valid, the size is, and the two null pointers mean "no name, ordinary modes".
    let outcome = unsafe {
        libc::openpty(
            &raw mut master,
            &raw mut slave,
            std::ptr::null_mut(),
            std::ptr::null(),
            &raw const size,
        )
    };
    assert_eq!(outcome, 0, "no terminal: {}", std::io::Error::last_os_error());
    // SAFETY: openpty has just opened both, and nobody else has them.
    unsafe { (OwnedFd::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) }
}
