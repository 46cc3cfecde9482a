//! Panics on a real terminal: this program is started again on one, to panic there in one of the tests that are ignored otherwise.

use std::{io::Read as _, process::Command, thread};

use memtrace_terminal::{Size, Terminal as Around};
use ratatui::{text::Line, widgets::Widget as _};

use super::Terminal;
use crate::{wake::Wake, worker::Worker};

#[test]
fn panics_leave_the_terminal_as_it_was() {
    for name in ["panics_in_a_frame", "panics_on_another_thread"] {
        let mut around = start(name);
        let end = around.finish();
        assert!(!end.status.success());
        assert!(end.written.contains("\x1b[?1049h"), "it was taken over");
        let (_, afterwards) = end.written.rsplit_once("\x1b[?1049l").unwrap();
        assert!(afterwards.contains("on purpose"), "the message is for the user: {afterwards}");
        around.assert_as_before();
    }
}

#[test]
fn the_panic_of_a_worker_is_told_on_the_screen() {
    let mut around = start("a_worker_panics");
    around.await_text("a mistake of the analyzer: on purpose");
    assert!(around.is_raw() && around.emulated().alternate_screen(), "the UI goes on");
    around.press("q");
    assert!(around.finish().status.success());
    around.assert_as_before();
}

fn start(name: &str) -> Around {
    let mut again = Command::new(std::env::current_exe().unwrap());
    let (_, here) = module_path!().split_once("::").unwrap();
    again.args([&format!("{here}::{name}"), "--exact", "--ignored", "--nocapture"]);
    Around::start(&mut again, Size { columns: 80, rows: 24 })
}

#[test]
#[ignore = "it panics, and needs a terminal"]
fn panics_in_a_frame() {
    let mut terminal = Terminal::enter().unwrap();
    terminal.draw(|_, _| panic!("on purpose")).unwrap();
}

#[test]
#[ignore = "it panics, and needs a terminal"]
fn panics_on_another_thread() {
    let mut terminal = Terminal::enter().unwrap();
    terminal.draw(|area, buffer| Line::raw("a frame").render(area, buffer)).unwrap();
    let panic = thread::spawn(|| panic!("on purpose")).join().unwrap_err();
    // Nothing is drawn over the message.
    terminal.draw(|area, buffer| Line::raw("too late").render(area, buffer)).unwrap();
    std::panic::resume_unwind(panic);
}

#[test]
#[ignore = "it needs a terminal"]
fn a_worker_panics() {
    let mut terminal = Terminal::enter().unwrap();
    let mut worker =
        Worker::new("test", Wake::default(), |(), _| -> Option<Result<(), String>> { panic!("on purpose") });
    worker.ask(());
    let said = worker.wait().unwrap_err();
    terminal.draw(|area, buffer| Line::raw(said).render(area, buffer)).unwrap();
    assert_eq!(std::io::stdin().read(&mut [0]).unwrap(), 1);
}
