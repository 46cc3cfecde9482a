use memtrace_analysis::{Nanos, Trace, TraceRange};
use memtrace_format::Event;
use memtrace_tests::HEAPS;
use proptest::prelude::*;
use serde_json::Value;

use crate::{
    histories::{assert_counted, chance, model::Model, perform},
    programs,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 100, ..ProptestConfig::default() })]

    /// Each history is recorded once, and looked at from step to step in several ways.
    #[test]
    fn a_part_is_counted_as_a_model_counts_it(
        choices in prop::collection::vec(any::<[u32; 3]>(), 2..400),
        ends in prop::collection::vec(any::<[prop::sample::Index; 2]>(), 6),
    ) {
        let history = chance::history(&choices);
        prop_assume!(!history.steps.is_empty());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("history.trace");
        perform(&history, &file, &[]);
        let trace = Trace::open(&file).unwrap();
        let times = times_of_steps(&trace);
        prop_assert!(times.len() >= history.steps.len());
        for [one, other] in ends {
            let mut ends = [one, other].map(|end| end.index(history.steps.len()));
            ends.sort_unstable();
            let [first, last] = ends;
            let part = TraceRange::Between { from: times[first], to: Some(times[last]) };
            // Steps that the clock does not tell apart are no borders.
            if first.checked_sub(1).is_some_and(|before| times[before] == times[first])
                || times.get(last + 1) == Some(&times[last])
            {
                continue;
            }
            let report = trace.analyze_range(&part, |_| ()).unwrap().report;
            prop_assert_eq!(report.trace.events, (last - first + 1) as u64);
            let range = report.trace.range.clone().unwrap();
            prop_assert_eq!((range.from_ns, range.to_ns), (times[first], times[last]));
            for heap in 0..HEAPS {
                assert_counted(&report, heap, &Model::of(first..=last, &history, heap));
            }
        }
    }
}

/// When each step happened. (Modules are defined before the first.)
fn times_of_steps(trace: &Trace) -> Vec<Nanos> {
    let events = trace.events().map(Result::unwrap);
    events
        .filter(|recorded| !matches!(recorded.event, Event::ModuleDefined(_)))
        .map(|recorded| recorded.time)
        .collect()
}

/// The example engine's stages are phases: each as a part has the figures that the whole report has of the phase.
#[test]
fn the_stages_of_the_example_engine_are_parts_of_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.trace");
    programs::run_diffusion(
        &file,
        &["--device", "host", "--tier", "lowvram", "--jobs", "2", "--steps", "2"],
        &[],
    );
    let json = |arguments: &[&str]| -> Value {
        let output =
            programs::memtrace().args(["analyze", "--json"]).args(arguments).arg(&file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let whole = json(&[]);
    let phases: Vec<&Value> =
        whole["phases"].as_array().unwrap().iter().filter(|phase| phase["name"] == "denoise").collect();
    assert_eq!(phases.len(), 2);
    let mut swaps = 0;
    for (number, phase) in (1..).zip(phases) {
        let part = json(&["--phase", &format!("denoise#{number}")]);
        let range = &part["trace"]["range"];
        assert_eq!((&range["from_ns"], &range["to_ns"]), (&phase["from_ns"], &phase["to_ns"]));
        assert_eq!((&range["phase"], &range["run"]), (&Value::from("denoise"), &Value::from(number)));
        for of_phase in phase["heaps"].as_array().unwrap() {
            let heaps = part["heaps"].as_array().unwrap();
            let heap = heaps.iter().find(|heap| heap["name"] == of_phase["heap"]).unwrap();
            assert_eq!(heap["peak"]["allocated_bytes"], of_phase["peak_allocated_bytes"]);
            assert_eq!(heap["end"]["allocated_bytes"], of_phase["at_end"]["allocated_bytes"]);
        }
        swaps += part["swaps"]["count"].as_u64().unwrap();
        // The same range, said in times.
        let [from, to] = ["from_ns", "to_ns"].map(|key| format!("{}ns", range[key]));
        let between = json(&["--from", &from, "--to", &to]);
        assert_eq!(between["swaps"], part["swaps"]);
        assert_eq!(
            between["heaps"][0]["peak"]["allocated_bytes"],
            part["heaps"][0]["peak"]["allocated_bytes"]
        );
    }
    assert!(swaps > 0 && swaps <= whole["swaps"]["count"].as_u64().unwrap());

    // A phase of one device on one thread, in every command that reports: the host's heap is in none of them.
    let trace = file.to_str().unwrap();
    let selected = ["--phase", "denoise#2", "--device", "0", "--thread", "diffusion"];
    let peak = json(&selected)["heaps"][0]["peak"]["allocated_bytes"].as_u64().unwrap();
    assert!(peak > 0);
    let run = |arguments: &[&str]| {
        let output = programs::memtrace().args(arguments).args(selected).arg("--json").output().unwrap();
        (output.status.code(), serde_json::from_slice::<Value>(&output.stdout).unwrap())
    };
    let (status, diff) = run(&["diff", trace, trace, "--fail-if-worse", "0"]);
    assert_eq!((status, diff["heaps"].as_array().unwrap().len()), (Some(0), 1));
    assert_eq!(diff["heaps"][0]["peak_allocated_bytes"]["b"], peak);
    assert_eq!((&diff["a"]["range"]["run"], &diff["a"]["filter"]["device"]), (&2.into(), &0.into()));
    for (limit, kept) in [(peak, 0), (peak - 1, 1)] {
        let (status, check) = run(&["check", trace, "--max-peak", &limit.to_string()]);
        assert_eq!((status, &check["limits"][0]["found"]), (Some(kept), &Value::from(peak)), "{check}");
    }
}
