//! `pack` and `unpack`.

use crate::{memtrace, stderr, trace};

#[test]
fn a_packed_trace_is_read_like_the_trace_and_unpacked_to_it() {
    let (directory, path) = trace();
    let output = memtrace(&["pack", &path]);
    assert!(output.status.success(), "{}", stderr(&output));
    let zip = format!("{path}.zip");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with(&zip));
    for command in [&["analyze", "--json"][..], &["info"], &["events"]] {
        let of = |file: &str| memtrace(&[command, &[file]].concat());
        let (raw, packed) = (of(&path), of(&zip));
        assert!(raw.status.success() && !raw.stdout.is_empty(), "{}", stderr(&raw));
        assert_eq!(raw.stdout, packed.stdout, "{command:?}");
    }
    let log = std::fs::read(&path).expect("it is there");
    // What is there is never replaced unasked.
    let refused = memtrace(&["unpack", &zip]);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(memtrace(&["unpack", &zip, "--force"]).status.success());
    assert_eq!(std::fs::read(&path).expect("it is there"), log);
    let refused = memtrace(&["pack", &path]);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    let named = memtrace(&["unpack", &path]);
    assert!(named.status.code() == Some(2) && stderr(&named).contains("-o "), "{}", stderr(&named));
    // Nothing half written stays behind.
    assert_eq!(std::fs::read_dir(directory.path()).expect("it is there").count(), 2);
}

#[test]
fn what_is_no_packed_trace_is_told() {
    let (directory, _) = trace();
    let path = directory.path().join("other.zip");
    std::fs::write(&path, b"PK\x03\x04 and no more").expect("room");
    let output = memtrace(&["analyze", &path.to_string_lossy(), "--text"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("archive") && stderr(&output).contains("try:"), "{}", stderr(&output));
}
