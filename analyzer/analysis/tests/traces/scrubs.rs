//! Scrubbed traces: other names, and every figure as it was.

use std::collections::BTreeMap;

use memtrace_analysis::{
    Trace,
    scrub::{Keep, Key, scrub},
};
use proptest::prelude::*;
use serde_json::Value;

use crate::{cuts::history, recording::file};

fn scrubbed(bytes: &[u8], keep: &Keep) -> Vec<u8> {
    let trace = Trace::open(file(bytes).path()).expect("a readable trace");
    let log = file(&[]);
    let clean = std::fs::File::options().write(true).open(log.path()).expect("it is there");
    scrub(&trace, &Key::of(b"key"), keep, &clean).expect("there is room");
    std::fs::read(log.path()).expect("it is there")
}

fn told(bytes: &[u8]) -> Value {
    let report = Trace::open(file(bytes).path())
        .expect("a readable trace")
        .analyze(|_| ())
        .expect("it is readable")
        .report;
    let mut told = serde_json::to_value(&report).expect("it is JSON");
    for of_file in ["pid", "chunks", "stopped_why", "never_used_bytes", "engine_version"] {
        told["trace"].as_object_mut().expect("it is there").remove(of_file);
    }
    told.as_object_mut().expect("it is one").remove("findings");
    told
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, ..ProptestConfig::default() })]

    #[test]
    fn figures_stay_and_one_name_becomes_one(choices in prop::collection::vec(any::<[u32; 3]>(), 1..600)) {
        let bytes = history(&choices).bytes();
        let (before, after) = (told(&bytes), told(&scrubbed(&bytes, &Keep::default())));
        let mut names = BTreeMap::new();
        same(&before, &after, "report", &mut names);
        let pseudonyms: std::collections::BTreeSet<_> = names.values().collect();
        prop_assert_eq!(pseudonyms.len(), names.len(), "two names became one");
        let text = after.to_string();
        let recorded = ["module 1", "function 1", "name 1"];
        prop_assert!(!recorded.iter().any(|name| text.contains(name)));
    }
}

/// Numbers are equal, and names are paired; but for addresses.
fn same(one: &Value, other: &Value, place: &str, names: &mut BTreeMap<String, String>) {
    match (one, other) {
        _ if place.ends_with("address") => {}
        (Value::Object(ones), Value::Object(others)) => {
            assert_eq!(ones.len(), others.len(), "{place}");
            for (key, value) in ones {
                same(value, &others[key], &format!("{place}.{key}"), names);
            }
        }
        (Value::Array(ones), Value::Array(others)) => {
            assert_eq!(ones.len(), others.len(), "{place}");
            ones.iter().zip(others).for_each(|(one, other)| same(one, other, place, names));
        }
        (Value::String(one), Value::String(other)) => {
            let known = names.entry(one.clone()).or_insert_with(|| other.clone());
            assert_eq!(known, other, "{place}");
        }
        _ => assert_eq!(one, other, "{place}"),
    }
}
