//! The view on real traces, with its worker.

use memtrace_analysis::{Nanos, events::EventPlace};

use crate::{
    action::{Action, Scroll, Side},
    effect::Effect,
    keys::Key,
    page::Page,
    recorded::{self, Session},
    snapshot_tests::{styles, text},
};

const DOWN: Action = Action::Scroll(Scroll::Line(Side::Forward));
const UP: Action = Action::Scroll(Scroll::Line(Side::Back));
const MS: u64 = 1_000_000;

fn type_keys(session: &mut Session, keys: &str) {
    for key in keys.chars().map(|c| if c == '\n' { Key::Enter } else { Key::Char(c) }) {
        assert_eq!(session.state.press(key), Effect::Continue);
        session.wait();
    }
}

/// The selected row.
fn selected(session: &Session) -> String {
    session.selected().expect("a row is selected")
}

#[test]
fn at_every_size() {
    for (name, session) in recorded::everywhere(Page::Events) {
        insta::assert_snapshot!(format!("events_{name}"), text(&session.state));
    }
    let session = recorded::showing(&recorded::small(), Page::Events, 80, 24);
    insta::assert_snapshot!("events_styles", styles(&session.state));
}

#[test]
fn rows_are_events_and_the_cursor_goes_with_them() {
    let mut session = recorded::showing(&recorded::small(), Page::Events, 120, 30);
    session.update(&[Action::Edge(Side::Back)]);
    assert_eq!(session.run().cursor, Nanos(MS));
    session.update(&[DOWN, DOWN]);
    assert_eq!(session.run().cursor, Nanos(10 * MS));
    assert!(selected(&session).contains("unet.down"), "{}", selected(&session));
    session.update(&[UP]);
    assert_eq!(session.run().cursor, Nanos(2 * MS));
    session.update(&[Action::Edge(Side::Forward)]);
    assert!(selected(&session).starts_with("0.400000000\t"), "{}", selected(&session));
    session.update(&[DOWN]);
    assert!(selected(&session).starts_with("0.400000000\t"));
}

#[test]
fn the_cursor_moved_elsewhere_moves_the_window() {
    let mut session = recorded::showing(&recorded::large(), Page::Events, 120, 30);
    session.run().visit(Nanos(700 * MS));
    session.update(&[Action::Help, Action::Help]);
    assert!(selected(&session).starts_with("0.700000000\t"), "{}", selected(&session));
    for _ in 0..900 {
        session.update(&[DOWN]);
    }
    let Nanos(time) = session.run().cursor;
    assert_eq!(time, (700 + 900 / 4) * MS, "read on at the end of the window; four events a millisecond");
    assert_eq!(session.run().place().rank, 3);
}

#[test]
fn a_search_goes_through_the_file_and_says_when_there_is_nothing() {
    let mut session = recorded::showing(&recorded::large(), Page::Events, 120, 30);
    session.update(&[Action::Edge(Side::Back)]);
    type_keys(&mut session, "/layer77\n");
    let first = session.run().place();
    assert!(selected(&session).contains("layer77"));
    session.update(&[Action::Find(Side::Forward)]);
    let second = session.run().place();
    assert!(second > first, "{second:?} is behind {first:?}");
    assert!(selected(&session).contains("layer77"));
    session.update(&[Action::Find(Side::Back)]);
    assert_eq!(session.run().place(), first);
    session.update(&[Action::Find(Side::Back)]);
    assert_eq!(session.run().place(), first, "there is none before");
    assert!(text(&session.state).contains("no event further on has layer77"), "{}", text(&session.state));
}

#[test]
fn a_filter_is_of_the_whole_file() {
    let mut session = recorded::showing(&recorded::large(), Page::Events, 120, 30);
    session.update(&[Action::Edge(Side::Back)]);
    type_keys(&mut session, "Fkind:alloc layer77\n");
    let shown = text(&session.state);
    let rows = shown.lines().filter(|line| line.contains("layer77") && line.contains("block alloc")).count();
    assert!(rows > 20, "{shown}");
    session.update(&[Action::Edge(Side::Forward)]);
    assert!(selected(&session).contains("layer77"));
    session.update(&[Action::Back, Action::Edge(Side::Back)]);
    assert_eq!(session.run().place(), EventPlace::at(Nanos(0)), "nothing is filtered any more");
}

#[test]
fn what_is_written_later_is_read_on() {
    let mut session = recorded::showing(&recorded::small_until(40), Page::Events, 120, 30);
    session.update(&[Action::Edge(Side::Forward), DOWN]);
    assert!(selected(&session).starts_with("0.040000000\t"), "{}", selected(&session));
    session.renew(&recorded::small());
    session.update(&[DOWN]);
    assert!(selected(&session).starts_with("0.050000000\t"), "{}", selected(&session));
}
