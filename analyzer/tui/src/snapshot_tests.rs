//! Snapshots of the screen: every view, at every size, with empty, small and large runs.

use std::fmt::Write as _;

use memtrace_analysis::Progress;
use memtrace_format::Bytes;
use ratatui::{
    buffer::{Buffer, Cell},
    style::{Color, Modifier},
};

use super::{
    action::{Action, Side},
    effect::Effect,
    fixture, frame,
    keys::Key,
    opening::{Facts, FirstFigures},
    page::Page,
    recorded, screen,
    state::UiState,
};

pub(super) const SIZES: [(u16, u16); 3] = [(40, 10), (80, 24), (200, 50)];

fn pages() -> impl Iterator<Item = Page> {
    // The others read the trace itself, and are tested with one.
    let by_report = |page: &Page| !matches!(page, Page::Map | Page::Live | Page::Events);
    Page::ALL.into_iter().filter(by_report)
}

#[test]
fn every_view_at_every_size() {
    let runs = [
        ("empty", fixture::empty()),
        ("small", fixture::small()),
        ("large", fixture::large()),
        ("damaged", fixture::damaged()),
    ];
    for (name, analysis) in runs {
        for view in pages() {
            for (width, height) in SIZES {
                let state = fixture::showing(analysis.clone(), view, width, height);
                insta::assert_snapshot!(
                    format!("{}_{name}_{width}x{height}", view.name().to_lowercase()),
                    text(&state)
                );
            }
        }
    }
}

#[test]
fn every_view_of_a_run_that_goes_on() {
    for view in pages() {
        for (width, height) in SIZES {
            let name = format!("{}_following_{width}x{height}", view.name().to_lowercase());
            insta::assert_snapshot!(name, text(&fixture::following(view, width, height)));
        }
    }
}

#[test]
fn help_and_the_time_before() {
    let mut state = fixture::reading(80, 24, true);
    insta::assert_snapshot!("reading", text(&state));
    assert_eq!(state.progress(Progress { done: Bytes(300 << 20), total: Bytes(1 << 30) }), Effect::Continue);
    insta::assert_snapshot!("reading_with_progress", text(&state));
    assert_eq!(state.opened(Facts::of(&recorded::small())), Effect::Continue);
    insta::assert_snapshot!("reading_with_facts", text(&state));
    let mut found = None;
    recorded::small().analyze_showing(|_| (), |replay| found = Some(FirstFigures::of(replay))).unwrap();
    assert_eq!(state.found(found.unwrap()), Effect::Continue);
    insta::assert_snapshot!("reading_with_figures", text(&state));
    assert_eq!(state.update(Action::Help), Effect::Continue);
    insta::assert_snapshot!("help_80x24", text(&state));
    state.size = ratatui::layout::Size::new(80, 50);
    insta::assert_snapshot!("help_80x50", text(&state));
}

#[test]
fn what_lies_over_a_view() {
    for (name, page, key) in [
        ("palette_overview", Page::Overview, ':'),
        ("palette_residency", Page::Residency, ':'),
        ("details_overview", Page::Overview, 'v'),
        ("details_swaps", Page::Swaps, 'v'),
    ] {
        for (width, height) in SIZES {
            let mut state = fixture::showing(fixture::large(), page, width, height);
            assert_eq!(state.press(Key::Char(key)), Effect::Continue);
            insta::assert_snapshot!(format!("{name}_{width}x{height}"), text(&state));
        }
    }
}

#[test]
fn the_tabs_fit_every_width() {
    let mut lines = String::new();
    for page in [Page::Overview, Page::Swaps, Page::Events] {
        for (width, height) in SIZES {
            let buffer = screen::drawn(&fixture::showing(fixture::small(), page, width, height));
            let all = of_cells(&buffer, |cell| cell.symbol().to_owned());
            writeln!(lines, "{}", all.lines().nth(1).unwrap()).unwrap();
        }
    }
    insta::assert_snapshot!("tabs", lines);
}

#[test]
fn a_screen_too_small_says_what_it_needs() {
    let state = fixture::showing(fixture::small(), Page::Timeline, 30, 5);
    assert_eq!(text(&state), "\n     memtrace needs 40×10\n         this is 30×5\n           q quits\n\n");
    for (width, height) in [(0, 0), (1, 1), (39, 10), (40, 9)] {
        text(&fixture::showing(fixture::large(), Page::Overview, width, height));
    }
}

#[test]
fn zoomed_in_the_axis_is_as_fine_as_its_columns() {
    let mut state = fixture::showing(fixture::small(), Page::Timeline, 100, 20);
    for action in
        [Action::Edge(Side::Back), Action::Event(Side::Forward)].into_iter().chain([Action::ZoomIn; 9])
    {
        assert_eq!(state.update(action), Effect::Continue);
    }
    insta::assert_snapshot!("timeline_small_zoomed", text(&state));
}

#[test]
fn no_size_is_too_odd() {
    for width in (40..=130).step_by(7) {
        for height in 10..40 {
            for view in pages() {
                text(&fixture::showing(fixture::large(), view, width, height));
            }
        }
    }
}

#[test]
fn styles_say_what_is_where() {
    let state = fixture::showing(fixture::small(), Page::Timeline, 80, 24);
    insta::assert_snapshot!("timeline_styles", styles(&state));
    let state = fixture::showing(fixture::large(), Page::Overview, 80, 24);
    insta::assert_snapshot!("overview_styles", styles(&state));
    for (page, run) in [(Page::Growth, fixture::large()), (Page::Ledger, fixture::small())] {
        let state = fixture::showing(run, page, 80, 24);
        insta::assert_snapshot!(format!("{}_styles", page.name().to_lowercase()), styles(&state));
    }
    // Rows of samples are in the large run, the stack in one that was recorded.
    let state = fixture::showing(fixture::large(), Page::Timeline, 120, 40);
    insta::assert_snapshot!("timeline_samples_styles", styles(&state));
}

#[test]
fn without_colours_everything_is_still_there() {
    for view in pages() {
        let coloured = fixture::showing(fixture::large(), view, 80, 24);
        let mut plain = fixture::showing(fixture::large(), view, 80, 24);
        plain.theme.colours = false;
        assert_eq!(text(&plain), text(&coloured));
        let buffer = screen::drawn(&plain);
        assert!(buffer.content().iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    }
}

#[test]
fn no_colour_is_black_or_white_or_a_background() {
    for view in pages() {
        let buffer = screen::drawn(&fixture::showing(fixture::large(), view, 200, 50));
        for cell in buffer.content() {
            assert_eq!(cell.bg, Color::Reset);
            assert!(!matches!(cell.fg, Color::Black | Color::White | Color::Gray | Color::DarkGray));
            assert!(!matches!(cell.fg, Color::Rgb(..) | Color::Indexed(_)));
        }
    }
}

#[test]
fn no_control_character_reaches_the_screen() {
    for view in pages() {
        let mut state = fixture::showing(fixture::large(), view, 200, 50);
        for _ in 0..20 {
            assert!(!text(&state).replace('\n', "").chars().any(memtrace_analysis::is_unsafe));
            assert_eq!(
                state.update(Action::Scroll(super::action::Scroll::Page(Side::Forward))),
                Effect::Continue
            );
        }
    }
}

/// Returns the screen without the tabs, which are the same in every view: `the_tabs_fit_every_width` has them.
pub(super) fn text(state: &UiState) -> String {
    let all = of_cells(&screen::drawn(state), |cell| cell.symbol().to_owned());
    let is_large = state.size.width >= frame::SMALLEST.width && state.size.height >= frame::SMALLEST.height;
    let tabs = if is_large { Some(1) } else { None };
    let kept = all.lines().enumerate().filter(|(number, _)| Some(*number) != tabs);
    kept.map(|(_, line)| format!("{line}\n")).collect()
}

/// A letter for the colour of each cell, large if it is bold; `#` for reversed, `.` for faint.
pub(super) fn styles(state: &UiState) -> String {
    of_cells(&screen::drawn(state), |cell| {
        let letter = match cell.fg {
            Color::Reset => " ",
            Color::Red => "r",
            Color::Green => "g",
            Color::Yellow => "y",
            Color::Blue => "b",
            Color::Magenta => "m",
            Color::Cyan => "c",
            other => panic!("{other:?}"),
        };
        match (cell.modifier, letter) {
            (modifier, _) if modifier.contains(Modifier::REVERSED) => "#".to_owned(),
            (modifier, " ") if modifier.contains(Modifier::BOLD) => "+".to_owned(),
            (modifier, " ") if modifier.contains(Modifier::DIM) => ".".to_owned(),
            (modifier, letter) if modifier.contains(Modifier::BOLD) => letter.to_uppercase(),
            (_, letter) => letter.to_owned(),
        }
    })
}

fn of_cells(buffer: &Buffer, mut cell: impl FnMut(&Cell) -> String) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut row = String::new();
        let mut covered = 0;
        for x in 0..buffer.area.width {
            if covered > 0 {
                covered -= 1;
                continue;
            }
            covered = super::widget::width(buffer[(x, y)].symbol()).saturating_sub(1);
            row += &cell(&buffer[(x, y)]);
        }
        writeln!(text, "{}", row.trim_end()).unwrap();
    }
    text
}
