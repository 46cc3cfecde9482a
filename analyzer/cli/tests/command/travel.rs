//! `cut`, `scrub` and `report -o`: what goes to a stranger.

use std::{
    fs::File,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{memtrace, stderr, trace};

fn json(path: &str, arguments: &[&str]) -> Value {
    let output = memtrace(&[&["analyze", "--json", path], arguments].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

#[test]
fn a_part_is_a_trace() {
    let (directory, path) = trace();
    let part = directory.path().join("part.trace");
    let part = part.to_str().expect("it is text");
    let output = memtrace(&["cut", &path, "-o", part, "--from", "5ns", "--to", "5ns"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        String::from_utf8_lossy(&output.stdout)
            .ends_with(": 1 events from 5 ns to 5 ns, and what is left of 0 before\n")
    );
    let [whole, cut] = [json(&path, &["--from", "5ns"]), json(part, &[])];
    assert_eq!(whole["heaps"][0]["peak"]["allocated_bytes"], 4096);
    assert_eq!(whole["heaps"][0]["peak"]["by_module"], cut["heaps"][0]["peak"]["by_module"]);
    assert_eq!(memtrace(&["cut", &path, "-o", part, "--around", "peak"]).status.code(), Some(2), "it exists");
    let around = memtrace(&["cut", &path, "-o", part, "--around", "peak", "--window", "2ns", "--force"]);
    assert!(around.status.success(), "{}", stderr(&around));
    for wrong in [&["--from", "1s"][..], &["--around", "oom"], &["--phase", "x"], &[], &["--window", "1s"]] {
        let output = memtrace(&[&["cut", &path, "-o", part, "--force"], wrong].concat());
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {}", stderr(&output));
    }
}

#[test]
fn what_is_piped_is_what_is_written() {
    let (directory, path) = trace();
    let piped = |arguments: &[&str], input: &str| {
        let child = Command::new(env!("CARGO_BIN_EXE_memtrace"))
            .args(arguments)
            .stdin(File::open(input).unwrap())
            .output();
        let output = child.unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        let path = directory.path().join(arguments[0]);
        std::fs::write(&path, output.stdout).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let packed = piped(&["pack", "-"], &path);
    let unpacked = piped(&["unpack", "-"], &packed);
    assert_eq!(std::fs::read(&unpacked).unwrap(), std::fs::read(&path).unwrap());
    let cut = piped(&["cut", "-", "-o", "-", "--from", "0s"], &packed);
    let clean = piped(&["scrub", "-", "-o", "-"], &cut);
    let bug = piped(&["report", "-", "-o", "-"], &clean);
    assert_eq!(json(&bug, &[])["heaps"][0]["peak"]["allocated_bytes"], 4096);
    // Nobody reading is no failure.
    let mut child = Command::new(env!("CARGO_BIN_EXE_memtrace"))
        .args(["pack", &path, "-o", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_scrubbed_trace_says_what_is_gone_and_what_is_not() {
    let (directory, path) = trace();
    let clean = directory.path().join("clean.trace");
    let clean = clean.to_str().unwrap();
    let output = memtrace(&["scrub", &path, "-o", clean]);
    assert!(output.status.success(), "{}", stderr(&output));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("removed: the process id") && said.contains("still in it: sizes"), "{said}");
    let report = json(clean, &[]);
    assert_eq!(
        (&report["trace"]["pid"], &report["heaps"][0]["peak"]["allocated_bytes"]),
        (&0.into(), &4096.into())
    );
    let missing = memtrace(&["scrub", &path, "-o", clean, "--force", "--key-file", "/nowhere"]);
    assert_eq!(missing.status.code(), Some(2), "{}", stderr(&missing));
    assert!(stderr(&missing).contains("has no key"), "{}", stderr(&missing));
}

#[test]
fn an_archive_lists_what_goes_in_and_opens() {
    let (directory, path) = trace();
    let bug = directory.path().join("bug.zip");
    let bug = bug.to_str().unwrap();
    for arguments in [&[][..], &["--whole", "--no-scrub"], &["--window", "2ns", "--keep", "modules,scopes"]] {
        let output = memtrace(&[&["report", &path, "-o", bug, "--force"], arguments].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        let said = String::from_utf8_lossy(&output.stdout);
        for listed in ["report.md", "report.json", "machine.txt", "reported on: ", "of the trace"] {
            assert!(said.contains(listed), "{said}");
        }
        assert_eq!(json(bug, &[])["heaps"][0]["peak"]["allocated_bytes"], 4096);
    }
}
