//! Whatever ends or stops the interactive view, the terminal is as it was; and where a terminal can do less, less is asked of it.

use std::{collections::BTreeSet, os::unix::process::ExitStatusExt, time::Duration};

use memtrace_terminal::{Color, Signal, Terminal};

use super::{SIZE, recorded, shown};
use crate::programs;

#[test]
fn signals_leave_the_terminal_as_it_was() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT] {
        let mut terminal = shown();
        assert!(terminal.is_raw() && terminal.emulated().alternate_screen());
        terminal.signal(signal);
        let end = terminal.finish();
        assert_eq!(end.status.signal(), Some(signal.as_raw()), "{}", end.status);
        terminal.assert_as_before();
    }
}

#[test]
fn stopped_it_gives_the_terminal_back_and_continued_it_goes_on() {
    for stop in ["by key", "by signal"] {
        let mut terminal = shown();
        terminal.press("2");
        terminal.await_text("phases");
        if stop == "by key" {
            terminal.press("\x1a")
        } else {
            terminal.signal(Signal::TSTP)
        }
        terminal.await_stop();
        terminal.assert_as_before();
        terminal.signal(Signal::CONT);
        terminal.await_screen("the view", |terminal| terminal.emulated().alternate_screen());
        terminal.await_text("phases");
        terminal.await_screen("raw keys", Terminal::is_raw);
        terminal.press("1");
        terminal.await_text("Findings");
        terminal.press("q");
        assert!(terminal.finish().status.success());
        terminal.assert_as_before();
    }
}

#[test]
fn on_a_dumb_terminal_the_report_is_text() {
    let mut terminal =
        Terminal::start(programs::memtrace().arg("analyze").arg(recorded()).env("TERM", "dumb"), SIZE);
    let end = terminal.finish();
    assert!(end.status.success());
    assert!(end.written.contains("HEAP device:0"), "{}", end.written);
    assert!(!end.written.contains('\x1b'), "nothing but text: {:?}", end.written);
}

/// Colours are the terminal's own sixteen, so that they are seen on any background; with `NO_COLOR` there are none.
#[test]
fn colours_are_the_terminals_own_or_none() {
    let coloured = colours(None);
    assert!(!coloured.is_empty() && coloured.iter().all(|colour| *colour < 16), "{coloured:?}");
    assert!(colours(Some("1")).is_empty());
}

/// The colours on the screen of every view, by their numbers.
fn colours(no_color: Option<&str>) -> BTreeSet<u8> {
    let mut command = programs::memtrace();
    command.arg("analyze").arg(recorded());
    if let Some(value) = no_color {
        command.env("NO_COLOR", value);
    }
    let mut terminal = Terminal::start(&mut command, SIZE);
    terminal.await_text("Peak");
    let mut colours = BTreeSet::new();
    for view in '1'..='9' {
        terminal.press(&view.to_string());
        terminal.await_silence(Duration::from_millis(100));
        for (row, column) in (0..SIZE.rows).flat_map(|row| (0..SIZE.columns).map(move |column| (row, column)))
        {
            let cell = terminal.emulated().cell(row, column).unwrap();
            for colour in [cell.fgcolor(), cell.bgcolor()] {
                match colour {
                    Color::Default => {}
                    Color::Idx(number) => _ = colours.insert(number),
                    Color::Rgb(..) => panic!("{colour:?}"),
                }
            }
        }
    }
    terminal.press("q");
    assert!(terminal.finish().status.success());
    colours
}
