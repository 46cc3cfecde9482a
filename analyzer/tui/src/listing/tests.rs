use memtrace_format::Bytes;
use proptest::prelude::*;

use super::*;

fn listing(rows: &[(&str, usize, u64)]) -> Listing {
    let mut listing =
        Listing::new(vec![Column::text("module", Column::WIDE, 0), Column::number("bytes", 10, 1)]);
    let row = |(id, (name, depth, bytes)): (usize, &(&str, usize, u64))| Row {
        id: id as u64,
        depth: *depth,
        cells: vec![Cell::word(*name), Cell::Bytes(Bytes(*bytes))],
    };
    listing.fill(rows.iter().enumerate().map(row).collect());
    listing.settle(4);
    listing
}

fn names(listing: &Listing) -> Vec<String> {
    listing.shown().map(|row| row.cells[0].to_string()).collect()
}

const TREE: [(&str, usize, u64); 6] =
    [("unet", 0, 30), ("down", 1, 10), ("up", 1, 20), ("vae", 0, 40), ("clip", 0, 5), ("text", 1, 5)];

#[test]
fn trees_stay_trees_when_they_are_sorted() {
    let mut listing = listing(&TREE);
    listing.sort_by_next();
    assert_eq!(names(&listing), ["clip", "text", "unet", "down", "up", "vae"]);
    listing.sort_by_next();
    assert_eq!(names(&listing), ["vae", "unet", "up", "down", "clip", "text"]);
    listing.reverse();
    assert_eq!(names(&listing), ["clip", "text", "unet", "down", "up", "vae"]);
    listing.sort_by_next();
    assert_eq!(listing.sort(), None);
    assert_eq!(names(&listing)[0], "unet");
}

#[test]
fn what_a_filter_lets_through_keeps_what_it_is_below() {
    let mut listing = listing(&TREE);
    listing.select(2);
    listing.set_filter("up");
    assert_eq!(names(&listing), ["unet", "up"]);
    assert_eq!(listing.selected().unwrap().id, 2);
    listing.set_filter("bytes>25");
    assert_eq!(names(&listing), ["unet", "vae"]);
    assert_eq!(listing.selected().unwrap().id, 0);
    listing.set_filter("");
    assert_eq!(listing.len(), 6);
}

#[test]
fn folded_rows_hide_what_is_below_until_it_is_found() {
    let mut listing = listing(&TREE);
    assert!(listing.fold());
    assert_eq!(names(&listing), ["unet", "vae", "clip", "text"]);
    assert_eq!(listing.folding(listing.selected().unwrap()), Folding::Folded);
    assert!(listing.find("UP", Side::Forward));
    assert_eq!(listing.selected().unwrap().id, 2);
    assert!(listing.fold_all());
    assert_eq!(names(&listing), ["unet", "vae", "clip"]);
    assert_eq!(listing.selected().unwrap().id, 0);
    assert!(listing.fold_all());
    assert_eq!(listing.len(), 6);
    listing.edge(Side::Forward);
    assert!(!listing.fold());
}

#[test]
fn finding_goes_around_the_end_both_ways() {
    let mut listing = listing(&TREE);
    let mut found = Vec::new();
    for side in [Side::Forward, Side::Forward, Side::Forward, Side::Back] {
        assert!(listing.find("t", side));
        found.push(listing.selected().unwrap().id);
    }
    assert_eq!(found, [5, 0, 5, 0]);
    assert!(!listing.find("nowhere", Side::Forward));
    assert_eq!(listing.selected().unwrap().id, 0);
}

#[test]
fn the_selected_row_is_on_the_screen_and_stays_selected_in_other_rows() {
    let mut listing = listing(&TREE);
    listing.edge(Side::Forward);
    assert_eq!(listing.on_screen().map(|(row, _)| row.id).collect::<Vec<_>>(), [2, 3, 4, 5]);
    assert!(listing.on_screen().last().unwrap().1);
    let rows: Vec<Row> = listing.shown().rev().cloned().collect();
    listing.fill(rows);
    assert_eq!(listing.selected().unwrap().id, 5);
    listing.scroll(Scroll::Page(Side::Back));
    listing.settle(100);
    assert_eq!(listing.top(), 0);
    listing.fill(Vec::new());
    assert!(listing.selected().is_none() && listing.on_screen().next().is_none());
    listing.scroll(Scroll::Line(Side::Forward));
    assert!(!listing.find("x", Side::Back) && !listing.fold() && !listing.fold_all());
}

proptest! {
    /// Whatever is done to it, what is on the screen is a part of what is shown, with the selected row in it, and no row
    /// without those that it is below.
    #[test]
    fn a_listing_is_never_in_disorder(
        depths in prop::collection::vec(0usize..4, 0..40),
        steps in prop::collection::vec(0u8..10, 0..60),
    ) {
        let mut listing = Listing::new(vec![Column::text("name", 8, 0), Column::number("bytes", 9, 1)]);
        let row = |(id, depth): (usize, &usize)| Row {
            id: id as u64,
            depth: *depth,
            cells: vec![Cell::word(format!("m{}", id % 7)), Cell::Bytes(Bytes(id as u64 * 7919 % 101))],
        };
        listing.fill(depths.iter().enumerate().map(row).collect());
        for step in steps {
            match step {
                0 => listing.scroll(Scroll::Line(Side::Forward)),
                1 => listing.scroll(Scroll::Page(Side::Back)),
                2 => { listing.fold(); }
                3 => { listing.fold_all(); }
                4 => listing.sort_by_next(),
                5 => listing.reverse(),
                6 => listing.set_filter("m3"),
                7 => listing.set_filter(""),
                8 => { listing.find("m5", Side::Forward); }
                _ => listing.settle(5),
            }
            let shown: Vec<u64> = listing.shown().map(|row| row.id).collect();
            prop_assert_eq!(listing.selected().is_some(), !shown.is_empty());
            for (place, row) in listing.forest.rows().iter().enumerate() {
                if shown.contains(&row.id) {
                    prop_assert!(listing.forest.above(place).all(|above| shown.contains(&(above as u64))));
                }
            }
            listing.settle(5);
            let on_screen = listing.on_screen().filter(|(_, selected)| *selected).count();
            prop_assert_eq!(on_screen, usize::from(!shown.is_empty()));
        }
    }
}
