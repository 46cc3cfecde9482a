//! The view on real traces, with its worker.

use std::sync::Arc;

use memtrace_analysis::Nanos;
use memtrace_format::{Address, BlockAlloc, Bytes, Event, ModuleId, PoolId, StackId};

use super::{AGAINST, FLAME, GROUP, UP};
use crate::{
    action::{Action, Scroll, Side},
    fixture,
    page::Page,
    recorded::{self, Session},
    snapshot_tests::{styles, text},
};

const DOWN: Action = Action::Scroll(Scroll::Line(Side::Forward));
const MS: u64 = 1_000_000;

#[test]
fn at_every_size() {
    for (name, mut session) in recorded::everywhere(Page::Live) {
        insta::assert_snapshot!(format!("live_{name}"), text(&session.state));
        session.update(&[Action::Own(FLAME)]);
        insta::assert_snapshot!(format!("live_icicle_{name}"), text(&session.state));
    }
    let mut session = recorded::showing(&recorded::small(), Page::Live, 80, 24);
    for grouping in ["scope", "site", "top_down", "bottom_up", "thread"] {
        session.update(&[Action::Own(GROUP)]);
        insta::assert_snapshot!(format!("live_by_{grouping}"), text(&session.state));
    }
    session.update(&[Action::Own(GROUP), DOWN]);
    insta::assert_snapshot!("live_styles", styles(&session.state));
    session.update(&[Action::Scroll(Scroll::Line(Side::Back)), Action::Own(FLAME)]);
    insta::assert_snapshot!("live_icicle_styles", styles(&session.state));
}

#[test]
fn without_modules_call_sites_are_shown_first() {
    let alloc = BlockAlloc {
        pool: PoolId(1),
        address: Address(4096),
        size: Bytes(1024),
        requested: Bytes(1024),
        module: ModuleId::NONE,
        stack: StackId::NONE,
    };
    let trace = Arc::new(fixture::log(&[(1000, Event::BlockAlloc(alloc))]));
    let session = recorded::showing(&trace, Page::Live, 100, 24);
    assert!(text(&session.state).contains("by call site"), "{}", text(&session.state));
    assert_eq!(session.rows(), ["(no stack recorded)\t1.00 KiB\t100%\t1"]);
    let session = recorded::showing(&recorded::small(), Page::Live, 100, 24);
    assert!(text(&session.state).contains("by module"), "{}", text(&session.state));
}

/// The figures of the peak are the report's, in every grouping.
#[test]
fn the_peak_is_what_the_report_says() {
    for trace in [recorded::small(), recorded::large()] {
        let mut session = recorded::showing(&trace, Page::Live, 160, 50);
        session.update(&[Action::Peak]);
        let peak = session.run().heap().unwrap().peak.clone();
        let live = format!("{} live, its peak", Bytes(peak.figures.allocated_bytes.0));
        for _ in 0..6 {
            session.update(&[Action::Own(GROUP)]);
            let shown = text(&session.state);
            assert!(shown.contains(&live), "{live}: {shown}");
        }
        let largest = peak.by_module.iter().max_by_key(|share| share.bytes).unwrap();
        let shown = text(&session.state);
        assert!(shown.contains(&largest.bytes.to_string()), "{largest:?}: {shown}");
    }
}

#[test]
fn modules_lie_below_what_contains_them_and_enter_looks_at_a_part() {
    let mut session = recorded::showing(&recorded::small(), Page::Live, 100, 30);
    session.at(40);
    let rows: Vec<String> = session.rows();
    assert!(rows[0].starts_with("unet\t16.00 MiB\t84%\t5"), "{rows:?}");
    assert!(
        rows[1].starts_with("unet.down\t12.00 MiB") && rows[2].starts_with("unet.up\t3.00 MiB"),
        "{rows:?}"
    );
    session.update(&[Action::Open]);
    let rows = session.rows();
    assert!(rows[0].starts_with("unet.down\t12.00 MiB\t75%") && rows.len() == 2, "{rows:?}");
    session.update(&[DOWN, Action::Open]);
    assert!(text(&session.state).contains("it has no parts"));
    session.update(&[Action::Own(UP)]);
    assert!(session.selected().unwrap().starts_with("unet\t16.00 MiB"), "{:?}", session.selected());
    session.update(&[Action::Own(UP)]);
    assert!(text(&session.state).contains("this is the whole"));
}

#[test]
fn differences_are_told_from_the_peak_and_from_marks() {
    let mut session = recorded::showing(&recorded::small(), Page::Live, 120, 30);
    session.run().marks.insert('a', Nanos(12 * MS));
    session.at(100);
    session.update(&[Action::Own(AGAINST)]);
    let shown = text(&session.state);
    assert!(shown.contains("against the peak at 40.0 ms"), "{shown}");
    let row =
        |session: &Session, name: &str| session.rows().into_iter().find(|row| row.starts_with(name)).unwrap();
    assert_eq!(row(&session, "unet.up"), "unet.up\t0 B\t0%\t0\t-3.00 MiB\t3.00 MiB");
    assert!(
        row(&session, "unet.down").contains("8.00 MiB\t67%\t2\t-4.00 MiB"),
        "{}",
        row(&session, "unet.down")
    );
    session.update(&[Action::Own(AGAINST)]);
    let shown = text(&session.state);
    assert!(shown.contains("+1.00 MiB against mark a at 12.0 ms"), "{shown}");
    session.update(&[Action::Own(AGAINST)]);
    assert!(text(&session.state).contains("compared with nothing"));
}

#[test]
fn a_run_that_goes_on_is_counted_anew() {
    let mut session = recorded::showing(&recorded::small_until(30), Page::Live, 120, 30);
    session.at(40);
    assert!(text(&session.state).contains("13.00 MiB live"), "{}", text(&session.state));
    session.renew(&recorded::small());
    session.at(40);
    assert!(text(&session.state).contains("19.00 MiB live, its peak"), "{}", text(&session.state));
}

#[test]
fn the_distinct_peaks_are_visited_from_the_highest() {
    let mut session = recorded::showing(&recorded::large(), Page::Live, 120, 30);
    let peaks = session.run().heap().unwrap().peaks.clone();
    session.update(&[Action::Peak]);
    for peak in peaks.iter().skip(1).chain(peaks.first()) {
        session.update(&[Action::LowerPeak]);
        assert_eq!(session.run().cursor, peak.time_ns);
        let live = format!("{} live", peak.figures.allocated_bytes);
        assert!(text(&session.state).contains(&live), "{live}: {}", text(&session.state));
    }
}
