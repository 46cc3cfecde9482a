use std::sync::{Arc, mpsc::channel};

use memtrace_format::{Address, BlockAlloc, Event, ModuleId, PoolId, StackId};
use ratatui::buffer::Buffer;

use super::*;
use crate::{
    Message,
    effect::Effect,
    fixture,
    page::Page,
    recorded, screen,
    snapshot_tests::{styles, text},
    state::UiState,
    wake::Wake,
};

const MIB: u64 = 1 << 20;

/// Three modules, the first of which gets a block of 3 MiB, the second of 2 MiB, the third of 1 MiB, a second apart.
fn three() -> memtrace_analysis::Trace {
    let alloc = |(number, mib): (u64, u64)| {
        let (pool, address, size) = (PoolId(1), Address(number << 32), Bytes(mib * MIB));
        let (module, stack) = (ModuleId(number as u32), StackId::NONE);
        (
            number * 1_000_000_000,
            Event::BlockAlloc(BlockAlloc { pool, address, size, requested: size, module, stack }),
        )
    };
    fixture::log(&[(1, 3), (2, 2), (3, 1)].map(alloc))
}

fn lines(state: &UiState) -> Vec<String> {
    let area = Rect::new(0, 0, state.size.width, state.size.height);
    let mut buffer = Buffer::empty(area);
    screen::draw(state, area, &mut buffer);
    let row = |y| (0..area.width).map(|x| buffer[(x, y)].symbol().to_owned()).collect::<String>();
    (0..area.height).map(row).collect()
}

#[test]
fn the_heap_is_stacked_by_whose_its_bytes_are() {
    let trace = Arc::new(three());
    let analysis = trace.analyze(|_| ()).unwrap();
    let (sender, messages) = channel();
    let mut state = fixture::reading(120, 40, false);
    assert_eq!(state.ready(analysis, Some(trace), Wake::new(sender)), Effect::Continue);
    for action in
        [Action::Show(Page::Timeline), Action::Edge(super::super::action::Side::Forward), Action::Own(STACK)]
    {
        assert_eq!(state.update(action), Effect::Continue);
    }
    while !lines(&state).concat().contains("▒ <lost #3>") {
        let message = messages.recv_timeout(std::time::Duration::from_secs(60));
        assert!(matches!(message, Ok(Message::Woken)), "{message:?}:\n{}", lines(&state).join("\n"));
        assert_eq!(state.woken(), Effect::Continue);
    }
    let drawn = lines(&state);
    assert!(drawn[2].contains("by module"), "{}", drawn[2]);
    // In the last column the parts are as high as they are large: 3, 2 and 1 of 6.
    let view = Rect::new(0, 2, 120, 37);
    let plot = TimelineLayout::new(&run_of(&state).run, 0, 0, view).plot;
    let x = usize::from(plot.right() - 1);
    let column: Vec<char> =
        plot.rows().map(|row| drawn[usize::from(row.y)].chars().nth(x).unwrap()).collect();
    let share = |sign| column.iter().filter(|cell| **cell == sign).count() * 6;
    for (sign, part) in [('█', 3), ('▓', 2), ('▒', 1)] {
        let expected = part * column.len();
        assert!(share(sign).abs_diff(expected) < 6, "{sign} {} of {expected}: {column:?}", share(sign));
    }
    for _ in 0..4 {
        assert_eq!(state.update(Action::Own(STACK)), Effect::Continue);
    }
    assert!(!lines(&state)[2].contains(" by "));
}

fn run_of(state: &UiState) -> &super::super::ready::Ready {
    match &state.content {
        super::super::state::Content::Ready(ready) => ready,
        super::super::state::Content::Reading(_) => panic!("nothing is read"),
    }
}

#[test]
fn marks_and_the_range_are_on_the_axis() {
    let mut state = fixture::showing(fixture::small(), Page::Timeline, 80, 24);
    let keys = "gmar".chars().map(Key::Char).chain([Key::Right; 8]).chain("rmb".chars().map(Key::Char));
    for key in keys {
        assert_eq!(state.press(key), Effect::Continue);
    }
    let drawn = lines(&state);
    let events = drawn.iter().find(|line| line.contains("events │")).unwrap();
    assert!(events.contains("│a"), "{events}");
    assert!(events.contains("▾ b  ⇄"), "{events}");
    assert!(drawn[0].contains("range 0 ms – "), "{}", drawn[0]);
    assert_eq!(state.press(Key::Char('R')), Effect::Continue);
    let run = &run_of(&state).run;
    assert_eq!(run.window.from(), Nanos(0));
    assert!(run.window.length() >= run.range.unwrap().to, "{:?}", run.window);
    assert!(run.window.length() < Nanos(200_000_000), "{:?}", run.window);
}

#[test]
fn what_was_sampled_has_rows_below_the_phases() {
    let state = fixture::showing(fixture::large(), Page::Timeline, 120, 40);
    let drawn = lines(&state);
    let row =
        |name: &str| drawn.iter().find(|line| line.contains(name)).unwrap_or_else(|| panic!("no {name}"));
    assert!(row("nvml used :0 │").contains("of 7.9 GiB at most"), "{}", row("nvml used"));
    assert!(row("host resident │").contains('⣿'));
    // Nothing is known before the first sample, and that is not zero.
    assert!(row("host resident │").contains("│  "));
    assert!(!drawn.concat().contains("host round"));
}

#[test]
fn the_stack_has_a_style_for_each_part() {
    let mut session = recorded::showing(&recorded::small(), Page::Timeline, 80, 24);
    session.update(&[Action::Own(super::STACK)]);
    insta::assert_snapshot!("timeline_stack", text(&session.state));
    insta::assert_snapshot!("timeline_stack_styles", styles(&session.state));
}
