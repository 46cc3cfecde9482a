//! `docs/samples.md` against the counters that there are.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;

use memtrace_format::SampledCounter;

const DOCUMENT: &str = include_str!("../../docs/samples.md");

#[test]
fn the_counters_are_those_of_the_document() {
    let mut table =
        String::from("| counter | source | unit | of | meaning |\n| --- | --- | --- | --- | --- |\n");
    for counter in SampledCounter::ALL {
        let (name, source, unit) = (counter.name(), counter.source().name(), counter.unit().name());
        let (scope, meaning) = (counter.scope(), counter.meaning());
        writeln!(table, "| `{name}` | `{source}` | {unit} | {scope} | {meaning} |").unwrap();
    }
    assert!(DOCUMENT.contains(&table), "docs/samples.md should say:\n{table}");
}
