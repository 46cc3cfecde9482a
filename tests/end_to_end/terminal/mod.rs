mod pictures;
mod restored;
mod session;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::OnceLock,
};

use memtrace_analysis::Trace;
use memtrace_terminal::{Size, Terminal};
use tempfile::TempDir;

use crate::{programs, survival::running::wait_until};

const SIZE: Size = Size { columns: 100, rows: 40 };

/// A run that swaps, recorded once for all tests of this process.
fn recorded() -> PathBuf {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let options = ["--device", "host", "--tier", "lowvram", "--steps", "2"];
        programs::run_diffusion(&folder.path().join("run.trace"), &options, &[]);
        folder
    });
    folder.path().join("run.trace")
}

/// The interactive view of that run.
fn shown() -> Terminal {
    let mut terminal = Terminal::start(programs::memtrace().arg("analyze").arg(recorded()), SIZE);
    terminal.await_text("Peak");
    terminal
}

/// The interactive view on a real terminal: it draws, switches views, explains its keys, and leaves the terminal as it was.
#[test]
fn the_interactive_view_answers_keys_and_leaves_cleanly() {
    let mut terminal = shown();
    terminal.await_text("Overview");
    terminal.press("2");
    terminal.await_text("phases");
    terminal.press("?");
    terminal.await_text("cursor back by ten");
    terminal.press("q");
    let end = terminal.finish();
    assert!(end.status.success(), "{}", end.status);
    for (sequence, what) in [("\x1b[?1049h", "entered"), ("\x1b[?1049l", "left")] {
        assert_eq!(end.written.matches(sequence).count(), 1, "the alternate screen is {what}");
    }
    terminal.assert_as_before();
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
    let mut terminal = Terminal::start(programs::memtrace().args(["analyze", "--follow"]).arg(&trace), SIZE);
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
    assert!(terminal.finish().status.success());
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
    let mut terminal = Terminal::start(programs::memtrace().arg("analyze").arg(Path::new("/dev/null")), SIZE);
    let end = terminal.finish();
    assert_eq!(end.status.code(), Some(3));
    assert!(terminal.screen().contains("/dev/null"), "{}", terminal.screen());
    terminal.assert_as_before();
}
