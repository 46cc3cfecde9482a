//! A user with a leak: from the overview to the module that keeps what it should have given back, and what is asserted is what
//! stands on the screen at every step.

use std::{
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use memtrace_terminal::Terminal;

use super::SIZE;
use crate::{optional, programs};

const ENTER: &str = "\r";
const ESCAPE: &str = "\x1b";

#[test]
fn the_leaking_module_is_two_keys_away() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("leak.trace");
    leak(&trace);
    let mut terminal = Terminal::start(programs::memtrace().arg("analyze").arg(&trace), SIZE);
    find_the_leak(&mut terminal);
    assert!(terminal.finish().status.success());
    terminal.assert_as_before();
}

#[test]
fn the_same_in_tmux_and_the_shell_gets_its_terminal_back() {
    if !optional::tmux() {
        return;
    }
    let mut tmux = Tmux::start();
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("leak.trace");
    leak(&trace);
    tmux.await_text("$");
    let program = programs::memtrace().get_program().to_string_lossy().into_owned();
    tmux.press(&format!("TERM=xterm-256color {program} analyze {}{ENTER}", trace.display()));
    tmux.await_text("Findings");
    // Ctrl-Z, and back.
    tmux.press("\x1a");
    tmux.await_text("topped");
    assert_eq!(tmux.state(), "0 1 0", "the ordinary screen, a cursor, no mouse");
    tmux.press(&format!("fg{ENTER}"));
    find_the_leak(&mut tmux);
    tmux.await_text("$");
    assert_eq!(tmux.state(), "0 1 0");
    tmux.press(&format!("echo ho'm'e{ENTER}"));
    tmux.await_text("home");
}

/// A run whose hooks hold on to what a checkpoint's UNet had.
fn leak(trace: &std::path::Path) {
    let options = ["--device", "host", "--tier", "medvram", "--steps", "2", "--switches", "4", "--leak"];
    programs::run_diffusion(trace, &options, &[]);
}

fn find_the_leak(screen: &mut dyn Screen) {
    // The overview says it first, with the evidence.
    screen.await_text("Overview");
    let finding = screen.line_with("every cycle retains memory");
    assert!(finding.contains("FAIL"), "{finding}");
    screen.await_text("most by module");
    // Enter shows the cycle, and who keeps what.
    screen.press(ENTER);
    screen.await_text("held at the ends");
    let cycle = screen.line_with("phase switch");
    assert!(cycle.contains("grows"), "{cycle}");
    let owner = screen.line_with("module unet");
    assert!(owner.contains('+'), "{owner}");
    // The module is selected; the line at the head is of it.
    screen.await_text("of it unet");
    // Enter shows it among all that is live at the last switch.
    screen.press(ENTER);
    screen.await_text("by module");
    screen.await_text(" live");
    let live = screen.line_with("unet");
    assert!(live.contains("MiB"), "{live}");
    // And back to where it began, step by step.
    screen.press(ESCAPE);
    screen.await_text("of it unet");
    screen.press(ESCAPE);
    screen.await_text("most by module");
    screen.press("q");
}

/// A terminal with the program on it.
trait Screen {
    fn press(&mut self, keys: &str);
    fn await_text(&mut self, text: &str);
    /// The first line with this in it, once there is one.
    fn line_with(&mut self, text: &str) -> String;
}

impl Screen for Terminal {
    fn press(&mut self, keys: &str) {
        Terminal::press(self, keys);
    }

    fn await_text(&mut self, text: &str) {
        Terminal::await_text(self, text);
    }

    fn line_with(&mut self, text: &str) -> String {
        Terminal::await_text(self, text);
        Terminal::line_with(self, text).unwrap()
    }
}

/// A shell in a tmux of its own.
struct Tmux {
    socket: String,
}

impl Tmux {
    fn start() -> Self {
        let tmux = Self { socket: format!("memtrace-{}", std::process::id()) };
        let (columns, rows) = (SIZE.columns.to_string(), SIZE.rows.to_string());
        let started = tmux.run(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            &columns,
            "-y",
            &rows,
            "env PS1='$ ' sh",
        ]);
        assert!(started.status.success(), "{started:?}");
        tmux
    }

    /// The alternate screen, the cursor, the mouse: 1 where it is on.
    fn state(&self) -> String {
        let format = "#{alternate_on} #{cursor_flag} #{mouse_any_flag}";
        let output = self.run(&["display-message", "-p", format]);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.run(&["capture-pane", "-p"]).stdout).into_owned()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new("tmux").args(["-L", &self.socket]).args(arguments).output().unwrap()
    }
}

impl Screen for Tmux {
    fn press(&mut self, keys: &str) {
        let sent = self.run(&["send-keys", "-l", keys]);
        assert!(sent.status.success(), "{sent:?}");
    }

    fn await_text(&mut self, text: &str) {
        let patience = Instant::now() + Duration::from_secs(60);
        while !self.screen().contains(text) {
            assert!(Instant::now() < patience, "no {text:?} on the screen:\n{}", self.screen());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn line_with(&mut self, text: &str) -> String {
        self.await_text(text);
        self.screen().lines().find(|line| line.contains(text)).map(str::to_owned).unwrap_or_default()
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}
