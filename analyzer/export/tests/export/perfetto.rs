//! A trace for Perfetto, decoded without any message of the exporter's.

use memtrace_analysis::{Filter, Nanos, TraceRange};
use memtrace_export::{Export, Format};

use memtrace_testing::perfetto::lines;

use super::{exported, swapping};

#[test]
fn a_timeline_has_everything_that_happened() {
    insta::assert_snapshot!(lines(&exported(&swapping(), &Export::new(Format::Perfetto))).join("\n"));
}

/// What is open and live where a part begins is there from its beginning, and nothing from before.
#[test]
fn a_part_begins_with_what_is_open() {
    let mut export = Export::new(Format::Perfetto);
    export.part = TraceRange::Between { from: Nanos(48), to: Some(Nanos(75)) };
    let all = lines(&exported(&swapping(), &export));
    assert_eq!(
        all.iter().filter(|line| line.starts_with("48 ")).collect::<Vec<_>>(),
        [
            "48 main: begin job",
            "48 main: begin step\\u{a}</script>",
            "48 main/forwards: begin unet",
            "48 engine/cuda:0/allocated: = 6144",
            "48 engine/cuda:0/active: = 6144",
            "48 engine/cuda:0/reserved: = 32768",
            "48 engine/host/allocated: = 64",
            "48 engine/host/active: = 64",
        ]
    );
    assert!(all.iter().all(|line| (48..=75).contains(&line.split_once(' ').unwrap().0.parse().unwrap())));
}

#[test]
fn a_filter_leaves_out_what_is_not_of_it() {
    let mut export = Export::new(Format::Perfetto);
    let mut filter = Filter::default();
    filter.device = Some(0);
    export.filter = filter;
    let all = lines(&exported(&swapping(), &export)).join("\n");
    assert!(all.contains("cuda:0") && !all.contains("engine/host/"), "{all}");
}
