//! The map on real traces, with its worker.

use memtrace_analysis::Nanos;

use super::{BLOCK, BLOCK_BACK, COLOUR, NEXT, PIN, PREVIOUS};
use crate::{
    action::{Action, Scroll, Side},
    page::Page,
    recorded::{self, BASE},
    snapshot_tests::{styles, text},
};

const DOWN: Action = Action::Scroll(Scroll::Line(Side::Forward));
const MS: u64 = 1_000_000;

#[test]
fn at_every_size() {
    for (name, mut session) in recorded::everywhere(Page::Map) {
        insta::assert_snapshot!(format!("map_{name}"), text(&session.state));
        session.update(&[Action::Own(BLOCK), Action::Open]);
        insta::assert_snapshot!(format!("map_close_{name}"), text(&session.state));
    }
    let mut session = recorded::showing(&recorded::small(), Page::Map, 80, 24);
    session.update(&[Action::Own(BLOCK)]);
    insta::assert_snapshot!("map_styles", styles(&session.state));
    for colouring in ["scope", "site", "age"] {
        session.update(&[Action::Own(COLOUR)]);
        insta::assert_snapshot!(format!("map_by_{colouring}"), text(&session.state));
    }
}

#[test]
fn stepping_shows_blocks_come_and_go() {
    let mut session = recorded::showing(&recorded::small(), Page::Map, 100, 30);
    session.at(12);
    let before = text(&session.state);
    assert!(before.contains("at 12.0 ms · 11.00 MiB in 3 blocks"), "{before}");
    session.update(&[Action::Own(NEXT)]);
    assert_eq!(session.run().cursor, Nanos(13 * MS));
    let after = text(&session.state);
    assert!(after.contains("at 13.0 ms · 12.00 MiB in 4 blocks"), "{after}");
    assert!(after.contains("block alloc of 1.00 MiB at 13.0 ms by main · unet"), "{after}");
    session.update(&[Action::Own(PREVIOUS), Action::Own(PREVIOUS)]);
    assert_eq!(session.run().cursor, Nanos(11 * MS));
    session.at(1);
    session.update(&[Action::Own(PREVIOUS)]);
    assert!(
        text(&session.state).contains("the heap has no event before this one"),
        "{}",
        text(&session.state)
    );
    assert_eq!(session.run().cursor, Nanos(MS));
}

#[test]
fn each_of_several_events_of_an_instant_is_a_step() {
    let mut session = recorded::showing(&recorded::large(), Page::Map, 100, 30);
    session.at(300);
    let start = session.run().place();
    for _ in 0..6 {
        session.update(&[Action::Own(NEXT)]);
    }
    assert_eq!((session.run().cursor, session.run().place().rank), (Nanos(302 * MS), 1));
    assert!(session.run().place() > start);
}

#[test]
fn blocks_and_holes_are_explained() {
    let mut session = recorded::showing(&recorded::small(), Page::Map, 100, 30);
    session.at(100);
    session.update(&[Action::Own(BLOCK), Action::Own(BLOCK), Action::Own(BLOCK_BACK)]);
    let shown = text(&session.state);
    assert!(
        shown.contains("block at 0x7f0000000000: 6.00 MiB, asked for 5.62 MiB, 384.00 KiB is padding"),
        "{shown}"
    );
    assert!(shown.contains("of unet.down, in (none), by main"), "{shown}");
    assert!(shown.contains("born at 10.0 ms, 90.0 ms ago"), "{shown}");
    assert!(shown.contains("load_weights (engine/model.py:120)"), "{shown}");
    let hole = memtrace_format::Address(BASE + (7 << 20));
    session.open_map(hole);
    let shown = text(&session.state);
    assert!(shown.contains("free: 3.00 MiB at 0x7f0000600000, between unet.down and vae"), "{shown}");
}

#[test]
fn a_segment_is_looked_at_closely_and_left_again() {
    let mut session = recorded::showing(&recorded::small(), Page::Map, 100, 30);
    session.at(60);
    session.update(&[Action::Open]);
    let close = text(&session.state);
    assert!(close.contains("20.00 MiB from 0x7f0000000000 · 7 blocks"), "{close}");
    session.update(&[DOWN]);
    assert!(text(&session.state).contains("block at 0x7f0000600000: 3.00 MiB"), "{}", text(&session.state));
    session.update(&[Action::ZoomIn, Action::ZoomIn]);
    assert!(text(&session.state).contains("5.00 MiB from"), "{}", text(&session.state));
    session.update(&[Action::Whole]);
    assert!(text(&session.state).contains("20.00 MiB from"));
    session.update(&[Action::Back]);
    assert!(text(&session.state).contains("free in"), "{}", text(&session.state));
}

#[test]
fn the_mouse_points_at_a_block() {
    let mut session = recorded::showing(&recorded::small(), Page::Map, 100, 30);
    session.at(100);
    let screen = text(&session.state);
    let (y, line) = screen.lines().enumerate().find(|(_, line)| line.starts_with(" 0x7f0000000000")).unwrap();
    let x = line.chars().count() - 7;
    // The tabs are not in the text.
    session.update(&[Action::Press(ratatui::layout::Position::new(x as u16, y as u16 + 1))]);
    assert!(text(&session.state).contains("block at 0x7f0001100000: 2.00 MiB"), "{}", text(&session.state));
}

#[test]
fn a_run_that_goes_on_is_drawn_anew() {
    let mut session = recorded::showing(&recorded::small_until(30), Page::Map, 120, 30);
    session.at(40);
    assert!(text(&session.state).contains("13.00 MiB in 7 blocks"), "{}", text(&session.state));
    session.renew(&recorded::small());
    session.at(40);
    assert!(text(&session.state).contains("19.00 MiB in 9 blocks"), "{}", text(&session.state));
}

#[test]
fn what_keeps_a_segment_is_marked_and_found() {
    let mut session = recorded::showing(&recorded::small(), Page::Map, 120, 30);
    session.at(100);
    session.update(&[Action::Own(PIN)]);
    let shown = text(&session.state);
    assert!(shown.contains("block at 0x7f0002000000: 512 B"), "{shown}");
    let keeps = "it keeps 2.00 MiB from being given back, with 1 other block of 1.50 KiB";
    assert!(shown.contains(keeps), "{shown}");
    let row = shown.lines().find(|line| line.starts_with(" 0x7f0002000000")).unwrap();
    assert_eq!(row.matches('!').count(), 1, "the other mark is where the focus is: {row}");
    session.update(&[Action::Own(BLOCK), Action::Own(PIN)]);
    assert!(text(&session.state).contains("block at 0x7f00"), "{}", text(&session.state));
}
