//! `diff` and `check`: what they say, and with which status they end.

use serde_json::Value;

use memtrace_format::{Bytes, ChunkHeader};

use super::{memtrace, stderr, trace, trace_of};

#[test]
fn a_run_is_no_worse_than_itself() {
    let (_directory, path) = trace();
    let output = memtrace(&["diff", &path, &path]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    let output = memtrace(&["diff", &path, &path, "--fail-if-worse", "0", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let diff: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(diff["schema_version"], 1);
    assert_eq!(diff["heaps"][0]["peak_allocated_bytes"]["difference"], 0);
    assert_eq!(diff["heaps"][0]["peak_reserved_bytes"]["a"], Value::Null);
    assert!(diff["heaps"][0]["peak_reserved_bytes"]["a_why"].is_string());
    assert_eq!(diff["judgement"]["worse"], Value::Array(Vec::new()));
}

#[test]
fn a_run_that_needs_more_ends_with_one_if_asked_and_beyond_the_tolerance() {
    let (_a, small) = trace_of(Bytes(4096));
    let (_b, large) = trace_of(Bytes(4300));
    let status = |arguments: &[&str]| memtrace(&[&["diff"][..], arguments].concat()).status.code();
    assert_eq!(status(&[&small, &large]), Some(0));
    assert_eq!(status(&[&small, &large, "--fail-if-worse", "4.9"]), Some(1));
    assert_eq!(status(&[&small, &large, "--fail-if-worse", "5%"]), Some(0));
    assert_eq!(status(&[&large, &small, "--fail-if-worse", "0"]), Some(0));
    assert_eq!(status(&[&small, &large, "--fail-if-slower", "0"]), Some(0));
    let said = memtrace(&["diff", &small, &large, "--fail-if-worse", "0"]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("peak allocated") && said.contains("4.00 KiB → 4.20 KiB"), "{said}");
}

#[test]
fn two_instants_of_a_run_are_compared() {
    let (_directory, path) = trace();
    let output = memtrace(&["analyze", &path, "--at", "0", "--against", "end", "--json"]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    let diff: Value = serde_json::from_slice(&output.stdout).unwrap();
    let heap = &diff["heaps"][0];
    assert_eq!(
        (&heap["a"]["blocks"], &heap["new"]["bytes"], &heap["gone"]["bytes"]),
        (&0.into(), &4096.into(), &0.into())
    );
    assert_eq!(
        (&heap["new_blocks"][0]["address"], &heap["by_size"][0]["from_bytes"]),
        (&64.into(), &4096.into())
    );
    let output = memtrace(&["analyze", &path, "--at", "peak", "--against", "end", "--text"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("nothing came or went"));
    for wrong in [&["--against", "end"][..], &["--at", "peak", "--against", "peak#9"]] {
        let output = memtrace(&[&["analyze", &path], wrong].concat());
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    }
}

#[test]
fn a_limit_that_is_not_kept_or_not_known_ends_with_one() {
    let (_directory, path) = trace();
    let check = |arguments: &[&str]| memtrace(&[&["check", &path][..], arguments].concat());
    // The block's pool has no definition, so nobody knows of which device it is.
    let output = check(&["--max-peak", "1GiB"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("UNKNOWN") && said.contains("no heap of a device"), "{said}");
    assert_eq!(check(&["--max-peak", "1GiB", "--allow-unknown"]).status.code(), Some(0));
    assert_eq!(check(&["--max-failed-requests", "0"]).status.code(), Some(0));

    let output = check(&["--max-swap-time", "5%", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let check: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&check["limits"][0]["found"], &check["limits"][0]["verdict"]), (&0.into(), &"pass".into()));
}

#[test]
fn a_budget_is_read_from_a_file_and_options_go_before_it() {
    let (directory, path) = trace();
    let json = memtrace(&["analyze", "--json", &path]);
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    let heap = report["heaps"][0]["name"].as_str().unwrap();
    let budget = directory.path().join("budget.toml");
    let check = |text: String, arguments: &[&str]| {
        std::fs::write(&budget, text).unwrap();
        let budget = budget.to_string_lossy().into_owned();
        memtrace(&[&["check", &path, "--budget", &budget][..], arguments].concat())
    };
    let limit = |bytes: u32| format!("[heaps.\"{heap}\"]\nmax-peak = \"{bytes}\"\n");
    assert_eq!(check(limit(4096), &[]).status.code(), Some(0));
    let output = check(limit(4095), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("FAIL"));
    let strict = "max-swap-time = \"5%\"\n[devices]\nmax-peak = \"1\"";
    assert_eq!(check(strict.to_owned(), &["--max-peak", "1GiB", "--allow-unknown"]).status.code(), Some(0));
    let output = check("max-peek = \"1\"".to_owned(), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("max-peek") && stderr(&output).contains("try:"), "{}", stderr(&output));
}

#[test]
fn a_finding_that_fails_ends_with_one_and_is_named() {
    let (directory, sound) = trace();
    let damaged = directory.path().join("damaged.trace").to_string_lossy().into_owned();
    let mut bytes = std::fs::read(&sound).unwrap();
    bytes[memtrace_format::FIRST_CHUNK_OFFSET + ChunkHeader::BYTES] ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    let budget = directory.path().join("budget.toml").to_string_lossy().into_owned();
    std::fs::write(&budget, "no-fail-findings = true").unwrap();
    for arguments in [&["--no-fail-findings"][..], &["--budget", &budget]] {
        let check = |path: &str, more: &[&str]| memtrace(&[&["check", path][..], arguments, more].concat());
        let output = check(&sound, &[]);
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"no finding fails\n"[..]));
        // What is not known is another thing than what is wrong.
        let output = check(&damaged, &["--allow-unknown"]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.starts_with("FAIL  losses: ") && said.contains("try: "), "{said}");
        let output = check(&damaged, &["--json"]);
        let check: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(check["failed_findings"][0]["id"], "losses");
    }
    let unasked = memtrace(&["check", &damaged, "--max-failed-requests", "0", "--json", "--allow-unknown"]);
    let unasked: Value = serde_json::from_slice(&unasked.stdout).unwrap();
    assert_eq!(unasked.get("failed_findings"), None);
}

#[test]
fn nothing_to_check_and_what_is_no_limit_are_wrong_usage() {
    let (_directory, path) = trace();
    for arguments in [&["check", &path][..], &["check", &path, "--max-peak", "lots"], &["diff", &path]] {
        let output = memtrace(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    for arguments in [&["check", "none.trace", "--max-peak", "1"][..], &["diff", &path, "none.trace"]] {
        assert_eq!(memtrace(arguments).status.code(), Some(3), "{arguments:?}");
    }
}
