use ratatui::{
    layout::{Rect, Size},
    style::{Color, Style},
};

use super::*;
use crate::{
    action::Action,
    effect::Effect,
    fixture,
    keys::Key,
    listing::{self, Column, Listing, Row},
    overlay::Overlay,
    page::Page,
    screen,
};

/// Every view as SVG is well-formed, and has all the words that are on the screen.
#[test]
fn an_svg_shows_what_the_screen_shows() {
    for page in Page::ALL {
        let state = fixture::showing(fixture::large(), page, 120, 40);
        let svg = state.exported("screen.svg").unwrap().content;
        let document = roxmltree::Document::parse(&svg).unwrap();
        let texts: String =
            document.descendants().filter(|node| node.is_text()).filter_map(|node| node.text()).collect();
        let letters = |text: &str| -> String { text.chars().filter(|c| c.is_alphanumeric()).collect() };
        let style = document.descendants().find(|node| node.has_tag_name("style")).unwrap().text().unwrap();
        let shown = letters(&texts).replacen(&letters(style), "", 1);
        assert_eq!(shown, letters(&text(&screen::drawn(&state))), "{:?}", page);
    }
}

#[test]
fn charts_are_drawn_as_shapes_of_their_cells() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
    buffer.set_string(0, 0, "█▄⡀▒a", Style::new().fg(Color::Blue));
    let svg = svg::render(&buffer);
    let document = roxmltree::Document::parse(&svg).unwrap();
    let paths: Vec<_> = document.descendants().filter_map(|node| node.attribute("d")).collect();
    // The whole cell, the lower half of the next, the lowest left dot of the third; the shade covers half of its ground.
    assert_eq!(
        paths,
        [
            "M10.00 10.00h8.40v18.00h-8.40zM18.40 19.00h8.40v9.00h-8.40zM27.47 24.22h2.86v3.06h-2.86z",
            "M35.20 10.00h8.40v18.00h-8.40z"
        ]
    );
    let covers: Vec<_> = document.descendants().filter_map(|node| node.attribute("fill-opacity")).collect();
    assert_eq!(covers, ["1", "0.5"]);
}

#[test]
fn names_cannot_break_out_of_an_svg() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 60, 1));
    buffer.set_string(0, 0, "</text><script>alert(1)</script>&amp; 模型 \"x\"", Style::new());
    let svg = svg::render(&buffer);
    let document = roxmltree::Document::parse(&svg).unwrap();
    let texts: Vec<_> = document.descendants().filter(|node| node.has_tag_name("text")).collect();
    assert!(document.descendants().all(|node| !node.has_tag_name("script")));
    assert_eq!(texts[0].text(), Some("</text><script>alert(1)</script>&amp; 模型 \"x\""));
    // Two of its characters are two columns wide.
    assert_eq!(texts[0].attribute("textLength"), Some("386.4"));
}

#[test]
fn rows_are_figures_in_full_and_no_formulas() {
    let columns = vec![Column::text("name", Column::WIDE, 0), Column::number("size", 10, 0)];
    let mut listing = Listing::new(columns);
    let row = |id, name: &str, size| Row::new(id, vec![listing::Cell::word(name), size]);
    listing.fill(vec![
        row(1, "=1+1", listing::Cell::Unknown),
        Row { depth: 1, ..row(2, "a, \"b\"", listing::Cell::Bytes(Bytes(1 << 40))) },
        row(3, "\u{202e}cod.exe", listing::Cell::Bytes(Bytes(0))),
    ]);
    assert_eq!(
        csv::render(&listing),
        "depth,name,size (bytes)\n0,'=1+1,\n1,\"a, \"\"b\"\"\",1099511627776\n0,\\u{202e}cod.exe,0\n"
    );
}

#[test]
fn a_file_is_asked_for_and_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shown.txt");
    let mut state = fixture::showing(fixture::small(), Page::Overview, 80, 24);
    assert_eq!(state.update(Action::Export), Effect::Continue);
    let Overlay::Prompt(prompt) = &state.overlay else { panic!("nothing is asked") };
    assert!(prompt.text.ends_with("-overview.svg"), "{}", prompt.text);
    let _ = state.press(Key::Control('u'));
    path.to_str().unwrap().chars().for_each(|c| assert_eq!(state.press(Key::Char(c)), Effect::Continue));
    let Effect::Save(export) = state.press(Key::Enter) else { panic!("nothing is to be written") };
    assert!(export.save().starts_with("wrote "));
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(written, text(&screen::drawn(&state)));
    assert_eq!(written.lines().count(), 24);
    assert!(export.save().contains("exists already"));
}

#[test]
fn what_cannot_be_written_is_said() {
    let state = fixture::showing(fixture::small(), Page::Timeline, 80, 24);
    assert!(state.exported("view.png").unwrap_err().contains(".svg"));
    assert!(state.exported("").unwrap_err().contains(".svg"));
    let reading = fixture::reading(80, 24, true);
    assert!(reading.exported("rows.csv").unwrap_err().contains("no rows"));
    let nowhere = state.exported("/nonexistent/folder/view.svg").unwrap();
    assert!(nowhere.save().starts_with("cannot write "));
    let small = fixture::showing(fixture::small(), Page::Timeline, 0, 0);
    assert_eq!(small.size, Size::new(0, 0));
    roxmltree::Document::parse(&small.exported("view.svg").unwrap().content).unwrap();
}
