//! A program on a terminal of its own: keys go in, and its screen is looked at.
//!
//! ```
//! use std::process::Command;
//!
//! use memtrace_terminal::{Size, Terminal};
//!
//! let mut terminal = Terminal::start(&mut Command::new("cat"), Size { columns: 80, rows: 24 });
//! terminal.press("hello\r");
//! terminal.await_text("hello");
//! terminal.press("\u{4}");
//! assert!(terminal.finish().status.success());
//! ```
//!
//! For tests and benchmarks: whatever goes wrong panics, and shows the screen.

#![forbid(unsafe_code)]

use std::{
    fs::File,
    io::{Read, Write},
    num::NonZero,
    os::{
        fd::OwnedFd,
        unix::{ffi::OsStringExt, fs::OpenOptionsExt, process::CommandExt},
    },
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    process::{Pid, WaitOptions},
    pty::OpenptFlags,
    termios::{LocalModes, Winsize},
};

pub use rustix::process::Signal;
pub use vt100::Color;

/// How long a busy machine may take over anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// How large a terminal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Its width.
    pub columns: u16,
    /// Its height.
    pub rows: u16,
}

/// A program on a terminal of its own.
pub struct Terminal {
    program: Child,
    /// Our end of the terminal.
    keyboard: File,
    output: Receiver<Vec<u8>>,
    written: Vec<u8>,
    emulator: vt100::Parser,
}

/// How a program ended.
#[derive(Debug)]
pub struct End {
    /// Its status.
    pub status: ExitStatus,
    /// All that it wrote to the terminal.
    pub written: String,
}

impl Terminal {
    /// Starts the program on a terminal that can what most can.
    pub fn start(command: &mut Command, size: Size) -> Self {
        let (ours, theirs) = open(size);
        let mut screen = File::from(ours);
        let keyboard = screen.try_clone().expect("a descriptor is left");
        let theirs = || Stdio::from(theirs.try_clone().expect("a descriptor is left"));
        command.stdin(theirs()).stdout(theirs()).stderr(theirs());
        if command.get_envs().all(|(name, _)| name != "TERM") {
            command.env("TERM", "xterm-256color");
        }
        if command.get_envs().all(|(name, _)| name != "NO_COLOR") {
            command.env_remove("NO_COLOR");
        }
        // Signals of the tests' own terminal are for the tests.
        let program = command.process_group(0).spawn().expect("the program starts");
        // The command holds the program's end of the terminal; closed here too, reading ends when the program does.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let (sender, output) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 1 << 16];
            while let Ok(count @ 1..) = screen.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let emulator = vt100::Parser::new(some(size.rows), some(size.columns), 0);
        Self { program, keyboard, output, written: Vec::new(), emulator }
    }

    /// The number of the program's process.
    pub fn id(&self) -> u32 {
        self.program.id()
    }

    /// Presses keys, as a terminal sends them.
    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the terminal is there");
    }

    /// Waits until `text` stands on the screen.
    pub fn await_text(&mut self, text: &str) {
        self.await_screen(text, |terminal| terminal.screen().contains(text));
    }

    /// Waits until the screen is as it shall be.
    pub fn await_screen(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let patience = Instant::now() + PATIENCE;
        while !is_so(self) {
            let left = patience.saturating_duration_since(Instant::now());
            if let Err(error) = self.take_in(left) {
                panic!("no {what:?} on the screen ({error}):\n{}", self.screen());
            }
        }
    }

    /// Takes in what comes until nothing has come for so long.
    pub fn await_silence(&mut self, silence: Duration) {
        while self.take_in(silence).is_ok() {}
    }

    /// Takes in what comes next; the bytes.
    ///
    /// # Errors
    ///
    /// Nothing comes in that time, or nothing will come any more.
    pub fn take_in(&mut self, within: Duration) -> Result<usize, RecvTimeoutError> {
        let bytes = self.output.recv_timeout(within)?;
        self.emulator.process(&bytes);
        self.written.extend_from_slice(&bytes);
        Ok(bytes.len())
    }

    /// The lines on the screen.
    pub fn screen(&self) -> String {
        self.emulator.screen().contents()
    }

    /// The first line of the screen.
    pub fn header(&self) -> String {
        self.screen().lines().next().unwrap_or_default().to_owned()
    }

    /// The first line of the screen with this in it.
    pub fn line_with(&self, text: &str) -> Option<String> {
        self.screen().lines().find(|line| line.contains(text)).map(str::to_owned)
    }

    /// What the program has made of the terminal: the screen that is shown, the cursor, the mouse, colours.
    pub fn emulated(&self) -> &vt100::Screen {
        self.emulator.screen()
    }

    /// Asserts that the terminal is as a shell needs it: the ordinary screen, a cursor, no mouse, and lines that are edited and
    /// echoed.
    pub fn assert_as_before(&self) {
        let screen = self.emulated();
        assert!(!screen.alternate_screen(), "the alternate screen is left:\n{}", self.screen());
        assert!(!screen.hide_cursor(), "the cursor is shown:\n{}", self.screen());
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        assert!(!self.is_raw(), "lines are edited and echoed");
    }

    /// Whether keys reach the program as they are pressed.
    pub fn is_raw(&self) -> bool {
        let modes = rustix::termios::tcgetattr(&self.keyboard).expect("a terminal has modes").local_modes;
        !modes.intersects(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// Sends the program a signal.
    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal).expect("the program is there");
    }

    /// Waits until the program is stopped.
    pub fn await_stop(&mut self) {
        let options = WaitOptions::UNTRACED;
        let (_, status) =
            rustix::process::waitpid(Some(self.pid()), options).expect("a child").expect("stopped");
        assert!(status.stopped(), "{status:?}");
        self.await_silence(Duration::from_millis(50));
    }

    /// Waits for the end. What the terminal is then can be looked at.
    pub fn finish(&mut self) -> End {
        let patience = Instant::now() + PATIENCE;
        loop {
            match self.take_in(patience.saturating_duration_since(Instant::now())) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("the program does not end:\n{}", self.screen()),
            }
        }
        let status = self.program.wait().expect("a child");
        End { status, written: String::from_utf8_lossy(&self.written).into_owned() }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.program)
    }
}

/// A test that fails leaves no program behind.
impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn some(cells: u16) -> NonZero<u16> {
    NonZero::new(cells).expect("a terminal has some size")
}

/// Both ends of a new terminal, ours first.
fn open(size: Size) -> (OwnedFd, OwnedFd) {
    let ours = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
        .expect("a terminal");
    rustix::pty::grantpt(&ours).expect("a terminal");
    rustix::pty::unlockpt(&ours).expect("a terminal");
    let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&ours, size).expect("a terminal");
    let name = rustix::pty::ptsname(&ours, Vec::new()).expect("a terminal has a name");
    let name = std::ffi::OsString::from_vec(name.into_bytes());
    let not_ours = OpenptFlags::NOCTTY.bits() as i32;
    let theirs = File::options()
        .read(true)
        .write(true)
        .custom_flags(not_ours)
        .open(name)
        .expect("a terminal has another end");
    (ours, theirs.into())
}
