use memtrace_analysis::{Nanos, report::Topic};
use memtrace_format::Bytes;
use ratatui::layout::Position;

use super::*;
use crate::action::Scroll;
use crate::{fixture, keys, screen, window::TimeRange};

const MS: u64 = 1_000_000;

fn ready(state: &UiState) -> &Ready {
    match &state.content {
        Content::Ready(ready) => ready,
        Content::Reading(_) => panic!("nothing is read"),
    }
}

fn run(state: &UiState) -> &OpenRun {
    &ready(state).run
}

fn plot(state: &UiState) -> Rect {
    ready(state).view(state.page).plot(run(state), state.body()).unwrap()
}

fn selected(state: &UiState) -> String {
    let listing = ready(state).view(state.page).listing().unwrap();
    listing.selected().unwrap().cells[0].to_string()
}

fn timeline() -> UiState {
    fixture::showing(fixture::small(), Page::Timeline, 80, 24)
}

fn after(mut state: UiState, actions: &[Action]) -> UiState {
    for action in actions {
        assert_eq!(state.update(*action), Effect::Continue, "{action:?}");
    }
    state
}

fn typed(mut state: UiState, text: &str) -> UiState {
    for key in text.chars() {
        let key = match key {
            '\n' => Key::Enter,
            '\u{1b}' => Key::Escape,
            key => Key::Char(key),
        };
        assert_eq!(state.press(key), Effect::Continue, "{key:?}");
    }
    state
}

#[test]
fn what_is_followed_is_seen_at_its_end_until_the_user_looks_elsewhere() {
    let state = fixture::following(Page::Timeline, 80, 24);
    assert_eq!(run(&state).cursor, run(&state).timeline.end);
    assert_eq!(run(&state).timeline.end, Nanos(2000 * MS));
    assert!(run(&state).window.is_whole());
    let mut state = after(state, &[Action::Edge(Side::Back), Action::ZoomIn]);
    let seen = (run(&state).window.from(), run(&state).window.to());
    let longer = fixture::large();
    let end = longer.timeline.end;
    assert_eq!(state.ready(longer, None, Wake::default()), Effect::Continue);
    assert_eq!(run(&state).timeline.end, end);
    assert_eq!(run(&state).cursor, Nanos(0));
    assert_eq!((run(&state).window.from(), run(&state).window.to()), seen);
}

#[test]
fn it_opens_at_the_peak() {
    assert_eq!(run(&timeline()).cursor, Nanos(687_499_997));
}

#[test]
fn the_cursor_moves_by_columns_and_stays_in_the_run() {
    let columns = plot(&timeline()).width;
    let state = after(timeline(), &[Action::Edge(Side::Back), Action::MoveCursor(-5), Action::MoveCursor(1)]);
    assert_eq!(run(&state).cursor, Nanos(1000 * MS / u64::from(columns)));
    let state = after(state, &[Action::Edge(Side::Forward), Action::MoveCursor(10)]);
    assert_eq!(run(&state).cursor, Nanos(1000 * MS));
    let state = after(state, &[Action::ZoomIn, Action::ZoomIn, Action::Edge(Side::Back)]);
    assert_eq!(run(&state).window.from(), Nanos(0));
    assert_eq!(run(&state).window.length(), Nanos(250 * MS));
}

#[test]
fn events_are_visited_in_order_and_the_last_one_is_the_end() {
    let mut state = after(timeline(), &[Action::Edge(Side::Back)]);
    let mut visited = Vec::new();
    for _ in 0..8 {
        state = after(state, &[Action::Event(Side::Forward)]);
        visited.push(run(&state).cursor);
    }
    let turns = [1, 2, 3, 4, 5].map(|turn| Nanos(turn * (1000 * MS / 6)));
    assert_eq!(visited[1..6], turns);
    assert_eq!(visited[0], Nanos(1000 * MS / 12));
    assert_eq!(visited[7], turns[4]);
    let state = after(state, &[Action::Event(Side::Back)]);
    assert_eq!(run(&state).cursor, turns[3]);
}

#[test]
fn zooming_and_panning_keep_the_cursor_on_the_screen() {
    let mut state = after(timeline(), &[Action::ZoomIn; 70]);
    let shortest = run(&state).window.length();
    assert!(shortest < Nanos(10 * MS), "{shortest}");
    for _ in 0..9 {
        state = after(state, &[Action::Pan(Side::Back)]);
        let run = run(&state);
        assert!(run.window.from() <= run.cursor && run.cursor <= run.window.to());
    }
    let state = after(state, &[Action::Peak]);
    assert_eq!(run(&state).cursor, Nanos(687_499_997));
    let state = after(state, &[Action::Whole]);
    assert!(run(&state).window.is_whole());
}

#[test]
fn the_mouse_points_at_instants() {
    let state = timeline();
    let plot = plot(&state);
    let at = Position::new(plot.x + plot.width / 2, plot.y + 1);
    let state = after(state, &[Action::Press(at), Action::Release(at)]);
    assert_eq!(run(&state).window.column_of(run(&state).cursor, plot.width), Some(plot.width / 2));
    assert_eq!(run(&state).range, None);
    let state = after(state, &[Action::Wheel(Side::Forward, at)]);
    assert_eq!(run(&state).window.length(), Nanos(500 * MS));
    let before = run(&state).cursor;
    let outside = [Position::new(0, 4), Position::new(999, 4)];
    let state = after(state, &outside.map(Action::Press));
    assert_eq!(run(&state).cursor, before);
}

#[test]
fn the_mouse_drags_a_range_and_escape_gives_it_up() {
    let state = timeline();
    let plot = plot(&state);
    let at = |column| Position::new(plot.x + column, plot.y + 1);
    let state = after(
        state,
        &[Action::Press(at(30)), Action::Drag(at(20)), Action::Drag(at(10)), Action::Release(at(10))],
    );
    let time = |column| run(&state).window.time_at(column, plot.width);
    assert_eq!(run(&state).range, Some(TimeRange { from: time(10), to: time(30) }));
    let state = after(state, &[Action::MoveCursor(5), Action::Back]);
    assert_eq!((run(&state).range, state.page), (None, Page::Timeline));
}

#[test]
fn a_range_is_chosen_with_the_keyboard_alone() {
    let state = after(timeline(), &[Action::Edge(Side::Back), Action::Range, Action::Edge(Side::Forward)]);
    let whole = TimeRange { from: Nanos(0), to: Nanos(1000 * MS) };
    assert_eq!(run(&state).range, Some(whole));
    let state = after(state, &[Action::Peak, Action::Range, Action::Edge(Side::Back)]);
    assert_eq!(run(&state).range, Some(TimeRange { to: Nanos(687_499_997), ..whole }));
}

#[test]
fn enter_leads_to_what_a_finding_is_about_and_escape_back() {
    let state = fixture::showing(fixture::small(), Page::Overview, 80, 24);
    let state = after(state, &[Action::Edge(Side::Back), Action::Scroll(Scroll::Line(Side::Forward))]);
    assert_eq!(selected(&state), "WARN");
    let state = after(state, &[Action::MoveCursor(-1000), Action::Open]);
    assert_eq!((state.page, run(&state).cursor), (Page::about(Topic::Swaps), Nanos(250 * MS)));
    let state = after(state, &[Action::Help, Action::Back, Action::Back]);
    assert_eq!((state.page, run(&state).cursor), (Page::Overview, Nanos(0)));
    let mut state = after(state, &[Action::Back]);
    assert_eq!(state.message.as_deref(), Some("q quits"));
    assert_eq!(state.press(Key::Char('q')), Effect::Quit);
}

#[test]
fn what_is_not_wrong_is_folded_until_it_is_opened() {
    let down = Action::Scroll(Scroll::Line(Side::Forward));
    let state = fixture::showing(fixture::small(), Page::Overview, 80, 24);
    let state = after(state, &[down, down, Action::Open, down]);
    let listing = ready(&state).view(state.page).listing().unwrap();
    assert_eq!((state.page, listing.len()), (Page::Overview, 6));
    assert_eq!(listing.selected().unwrap().cells[1].to_string(), "nothing is lost");
    let state = fixture::showing(fixture::empty(), Page::Overview, 80, 24);
    let state = after(state, &[Action::Open]);
    assert_eq!(state.page, Page::Timeline);
}

#[test]
fn the_overview_scrolls_on_behind_the_last_finding_and_back() {
    let (down, up) = (Action::Scroll(Scroll::Line(Side::Forward)), Action::Scroll(Scroll::Line(Side::Back)));
    let state = fixture::showing(fixture::large(), Page::Overview, 80, 24);
    let state = after(state, &[down; 200]);
    let last = screen_text(&state);
    assert!(last.contains("Counters") || !last.contains("more lines"), "{last}");
    let state = after(state, &[up; 200]);
    assert_eq!(screen_text(&state), screen_text(&fixture::showing(fixture::large(), Page::Overview, 80, 24)));
}

fn screen_lines(state: &UiState) -> String {
    let buffer = screen::drawn(state);
    let cells: Vec<&str> = buffer.content().iter().map(|cell| cell.symbol()).collect();
    let lines = cells.chunks(usize::from(buffer.area.width)).map(<[&str]>::concat);
    lines.collect::<Vec<_>>().join("\n")
}

fn screen_text(state: &UiState) -> String {
    screen::drawn(state).content().iter().map(|cell| cell.symbol()).collect()
}

#[test]
fn search_reaches_what_a_view_shows_beside_its_rows() {
    let state = fixture::showing(fixture::large(), Page::Overview, 80, 24);
    assert!(!screen_text(&state).contains("Over time"));
    let state = typed(state, "/over time\n");
    assert_eq!(state.message, None);
    assert!(screen_text(&state).contains("Over time"));
    let state = typed(state, "n/grows\n");
    assert_eq!((state.message.as_deref(), selected(&state).as_str()), (None, "FAIL"));
    let state = typed(state, "/nowhere\n");
    assert_eq!(state.message.as_deref(), Some("nothing here has nowhere"));
}

#[test]
fn the_selected_finding_is_told_in_full() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (width, height) in [(80, 24), (200, 50)] {
        let mut state = fixture::showing(fixture::large(), Page::Overview, width, height);
        for finding in run(&state).report.findings.clone().iter().take(2) {
            let lines = screen_lines(&state);
            let shown = words(&lines);
            assert!(shown.contains(&words(&finding.evidence.to_string())), "{finding:?}: {lines}");
            assert!(shown.contains(&words(&finding.advice.to_string())), "{finding:?}: {lines}");
            state = typed(state, "j");
        }
    }
}

#[test]
fn v_reads_the_selected_row_in_full_and_rows_are_turned_while_it_does() {
    let state = typed(timeline(), "v");
    assert_eq!(state.overlay, Overlay::Details(0));
    let name = selected(&state);
    assert!(screen_lines(&state).contains(&format!("module     {name}")), "{}", screen_lines(&state));
    let state = typed(state, "j");
    assert_ne!(selected(&state), name);
    assert!(screen_lines(&state).contains(&selected(&state)));
    let state = typed(state, "\u{1b}");
    assert_eq!((&state.overlay, state.page), (&Overlay::None, Page::Timeline));
    let state = typed(fixture::showing(fixture::empty(), Page::Timeline, 80, 24), "v");
    assert_eq!((&state.overlay, state.message.as_deref()), (&Overlay::None, Some("there is no row to read")));
}

#[test]
fn rows_are_searched_and_filtered_as_they_are_typed() {
    let state = typed(timeline(), "/vae\n");
    assert_eq!(selected(&state), "vae");
    let state = typed(state, "gFe");
    let shown = |state: &UiState| ready(state).view(state.page).listing().unwrap().len();
    assert_eq!((shown(&state), selected(&state)), (3, "vae".to_owned()));
    let state = typed(state, "nc");
    assert_eq!((shown(&state), selected(&state)), (1, "text_encoder".to_owned()));
    let state = typed(state, "\n/nowhere\n");
    assert_eq!(state.message.as_deref(), Some("nothing here has nowhere"));
    let state = typed(state, "\u{1b}");
    assert_eq!(shown(&state), 3);
}

#[test]
fn rows_are_copied_with_tabs_between_their_cells() {
    let mut state = typed(timeline(), "/unet\n");
    assert_eq!(
        state.press(Key::Char('y')),
        Effect::Copy("unet\t100.00 MiB\t2\t2\t400.00 MiB\t40.0 ms".to_owned())
    );
    let Effect::Copy(all) = state.press(Key::Char('Y')) else { panic!("nothing is copied") };
    assert_eq!(all.lines().count(), 4);
    assert!(all.starts_with("module\tbytes\tloads"));
    let mut empty = fixture::showing(fixture::empty(), Page::Timeline, 80, 24);
    assert_eq!(empty.press(Key::Char('y')), Effect::Continue);
    assert_eq!(empty.message.as_deref(), Some("there is no row to copy"));
}

#[test]
fn instants_have_letters() {
    let state = typed(timeline(), "'");
    assert_eq!(state.message.as_deref(), Some("there are no marks; m makes one"));
    let peak = run(&state).cursor;
    let state = typed(state, "magmb'a");
    assert_eq!(run(&state).cursor, peak);
    let state = typed(state, "'b");
    assert_eq!(run(&state).cursor, Nanos(0));
    let state = typed(state, "'x");
    assert_eq!(state.message.as_deref(), Some("there is no mark x"));
    let state = typed(state, "m\u{1b}");
    assert_eq!((&state.overlay, run(&state).marks.len()), (&Overlay::None, 2));
}

#[test]
fn scrolling_ends_where_the_page_ends() {
    let large = |page| fixture::showing(fixture::large(), page, 80, 24);
    let down = [Action::Scroll(Scroll::Page(Side::Forward)); 90];
    let state = after(large(Page::Timeline), &down);
    let rows = usize::from(ready(&state).view(state.page).rows(run(&state), state.body()).height);
    assert_eq!(ready(&state).view(state.page).listing().unwrap().top(), 60 - rows);
}

#[test]
fn heaps_turn_around() {
    let state = fixture::showing(fixture::large(), Page::Timeline, 80, 24);
    assert_eq!(run(&state).heap, 0);
    let state = after(state, &[Action::Heap(Side::Back)]);
    assert_eq!(run(&state).heap().unwrap().name.recorded(), "host");
    let state = after(state, &[Action::Heap(Side::Forward)]);
    assert_eq!(run(&state).heap, 0);
}

#[test]
fn tabs_are_pressed_with_the_mouse() {
    let state = fixture::showing(fixture::small(), Page::Overview, 200, 50);
    let state = after(state, &[Action::Press(Position::new(18, 1))]);
    assert_eq!(state.page, Page::Timeline);
    let state = after(state, &[Action::Press(Position::new(2, 1)), Action::Press(Position::new(199, 1))]);
    assert_eq!(state.page, Page::Overview);
}

#[test]
fn every_key_is_harmless_before_anything_is_read_and_when_nothing_was_recorded() {
    for page in Page::ALL {
        let own = views::build(page).keys();
        for key in keys::BINDINGS.iter().chain(own).flat_map(|binding| binding.keys).copied() {
            let mut reading = fixture::reading(80, 24, true);
            assert_eq!(reading.progress(Progress { done: Bytes(1), total: Bytes(2) }), Effect::Continue);
            for mut state in [
                reading,
                fixture::showing(fixture::empty(), page, 80, 24),
                fixture::showing(fixture::large(), page, 80, 24),
            ] {
                let effect = state.press(key);
                let ends = matches!(key, Key::Char('q') | Key::Control('c' | 'z'));
                assert_eq!(matches!(effect, Effect::Quit | Effect::Suspend), ends, "{key:?}");
                let _ = state.press(Key::Enter);
                let _ = state.press(Key::Escape);
            }
        }
    }
}
