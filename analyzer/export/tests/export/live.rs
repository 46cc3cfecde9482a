//! Live blocks at an instant, in the forms that flame graphs are made of.

use memtrace_analysis::SnapshotAt;
use memtrace_export::{Export, ExportError, Format};
use serde_json::Value;

use super::{exported, swapping, swapping::report};
use memtrace_testing::recording::{Recording, file};

fn at(format: Format, when: &str) -> Export {
    let mut export = Export::new(format);
    export.at = Some(when.parse().unwrap());
    export
}

#[test]
fn collapsed_stacks_add_up_to_the_peak() {
    let run = swapping();
    let text = String::from_utf8(exported(&run, &Export::new(Format::Collapsed))).unwrap();
    assert_eq!(text, "cuda:0;job 4096\ncuda:0;unet;job;step\\u{a}</script> 2048\nhost;(none) 64\n");
    let peak = report(&run).heaps.iter().find(|heap| heap.name.recorded() == "cuda:0").unwrap().peak.clone();
    let sum: u64 = text
        .lines()
        .filter(|line| line.starts_with("cuda:0;"))
        .map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap())
        .sum();
    assert_eq!(sum, peak.figures.allocated_bytes.0);
    let later = String::from_utf8(exported(&run, &at(Format::Collapsed, "switched"))).unwrap();
    assert_eq!(later, "cuda:0;job 4096\nhost;(none) 64\n");
}

#[test]
fn filters_choose_a_device_or_a_thread() {
    let mut export = Export::new(Format::Collapsed);
    export.filter.device = Some(0);
    assert!(!String::from_utf8(exported(&swapping(), &export)).unwrap().contains("host;"));
    export.filter.device = None;
    export.filter.thread = Some("main".to_owned());
    assert!(!String::from_utf8(exported(&swapping(), &export)).unwrap().contains("host;"));
    // Threads of one name are meant all of them, as in a report.
    let mut run = swapping();
    run.thread(3, "main");
    let text = String::from_utf8(exported(&run, &export)).unwrap();
    assert_eq!(text, "cuda:0;job 4096\ncuda:0;unet;job;step\\u{a}</script> 2048\n");
}

/// Names in it are text, whatever they try: the only script is that of the picture's own maker.
#[test]
fn a_flame_graph_is_a_picture_of_text() {
    let mut run = swapping();
    let svg = String::from_utf8(exported(&run, &Export::new(Format::FlameGraph))).unwrap();
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..roxmltree::ParsingOptions::default() };
    let document = roxmltree::Document::parse_with_options(&svg, options).unwrap();
    let scripts = document.descendants().filter(|node| node.has_tag_name("script")).count();
    assert_eq!(scripts, 1);
    let titles: Vec<_> = document
        .descendants()
        .filter(|node| node.has_tag_name("title"))
        .filter_map(|node| node.text())
        .collect();
    assert!(titles.iter().any(|title| title.contains("step\\u{a}</script> (2,048 bytes")), "{titles:?}");
    assert!(!svg.contains('\u{1b}') && !svg.contains('\u{202e}'));

    run = Recording::new();
    let file = file(&run.bytes());
    let trace = memtrace_analysis::Trace::open(file.path()).unwrap();
    let nothing = memtrace_export::export(&trace, &at(Format::FlameGraph, "end"), Vec::new(), |_| ());
    assert!(matches!(nothing, Err(ExportError::NothingLive(_))), "{nothing:?}");
}

/// What the schema of speedscope's files demands of a sampled profile.
#[test]
fn a_profile_for_speedscope_keeps_to_its_schema() {
    let json: Value =
        serde_json::from_slice(&exported(&swapping(), &Export::new(Format::Speedscope))).unwrap();
    assert_eq!(json["$schema"], "https://www.speedscope.app/file-format-schema.json");
    let frames = json["shared"]["frames"].as_array().unwrap();
    assert!(frames.iter().all(|frame| frame["name"].is_string()));
    let profiles = json["profiles"].as_array().unwrap();
    assert!(json["activeProfileIndex"].as_u64().unwrap() < profiles.len() as u64);
    assert_eq!(profiles.iter().map(|profile| &profile["name"]).collect::<Vec<_>>(), ["cuda:0", "host"]);
    for profile in profiles {
        assert_eq!((&profile["type"], &profile["unit"]), (&Value::from("sampled"), &Value::from("bytes")));
        let samples = profile["samples"].as_array().unwrap();
        let weights: Vec<u64> =
            profile["weights"].as_array().unwrap().iter().map(|weight| weight.as_u64().unwrap()).collect();
        assert_eq!(samples.len(), weights.len());
        assert_eq!(profile["startValue"], 0);
        assert_eq!(profile["endValue"], weights.iter().sum::<u64>());
        for frame in samples.iter().flat_map(|sample| sample.as_array().unwrap()) {
            assert!((frame.as_u64().unwrap() as usize) < frames.len());
        }
    }
    assert_eq!(profiles[0]["endValue"], 6144);
}

#[test]
fn a_course_is_no_instant() {
    let file = file(&swapping().bytes());
    let trace = memtrace_analysis::Trace::open(file.path()).unwrap();
    for export in [at(Format::Perfetto, "end"), {
        let mut part = Export::new(Format::Collapsed);
        part.part = memtrace_analysis::TraceRange::run("job");
        part
    }] {
        let refused = memtrace_export::export(&trace, &export, Vec::new(), |_| ());
        assert!(matches!(refused, Err(ExportError::Selection(_))), "{refused:?}");
    }
    let mut export = Export::new(Format::Collapsed);
    export.at = Some(SnapshotAt::Peak(99));
    assert!(matches!(
        memtrace_export::export(&trace, &export, Vec::new(), |_| ()),
        Err(ExportError::SnapshotAt(_))
    ));
}
