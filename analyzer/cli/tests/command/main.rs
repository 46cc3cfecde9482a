//! The command as a shell sees it: status, messages, pipes.

mod compare;
mod exporting;
mod habits;
mod help;
mod hostile;
mod packing;
mod places;
mod travel;

use std::process::{Command, Output, Stdio};

use memtrace_format::{
    Address, BlockAlloc, Bytes, Calibration, ChunkBuilder, ChunkHeader, ChunkKind, ClockKind, Closing,
    DropCounts, Event, FileHeader, ModuleId, PoolId, StackId, ThreadId, Ticks,
};

fn memtrace(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_memtrace")).args(arguments).output().expect("it runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A trace with one event in a directory of its own.
fn trace() -> (tempfile::TempDir, String) {
    trace_of(Bytes(4096))
}

/// A trace of one block.
fn trace_of(size: Bytes) -> (tempfile::TempDir, String) {
    let start = Calibration::default();
    let (clock, session) = (ClockKind::Monotonic, 3);
    let header =
        FileHeader { compatible: 0, incompatible: 0, session, boot: 0, pid: 7, clock, start, minor: 0 };
    let mut chunk = ChunkBuilder::new(ChunkHeader {
        kind: ChunkKind::Events,
        session: 3,
        sequence: 0,
        thread: ThreadId(1),
        thread_sequence: 0,
        base_time: Ticks(0),
        calibration: start,
        drops: DropCounts::default(),
        seal: None,
    });
    let alloc = Event::BlockAlloc(BlockAlloc {
        pool: PoolId(1),
        address: Address(64),
        size,
        requested: Bytes(size.0 - 96),
        module: ModuleId::NONE,
        stack: StackId::NONE,
    });
    chunk.event(Ticks(5), &alloc).expect("room");
    let bytes = [&header.to_bytes()[..], &[0; Closing::BYTES], &chunk.finish()[..]].concat();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("run.trace");
    std::fs::write(&path, bytes).expect("room");
    (directory, path.to_string_lossy().into_owned())
}

#[test]
fn a_trace_is_analyzed_as_text_and_as_json() {
    let (_directory, path) = trace();
    for arguments in [&["analyze", &path][..], &["analyze", "--text", &path]] {
        let output = memtrace(arguments);
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8_lossy(&output.stdout).contains("peak 4.00 KiB allocated"));
        assert_eq!(stderr(&output), "");
    }
    for command in ["analyze", "info"] {
        let output = memtrace(&[command, "--json", &path]);
        assert_eq!(output.status.code(), Some(0));
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(value["schema_version"], 1);
        assert_eq!(value["trace"]["events"], 1);
    }
    assert!(String::from_utf8_lossy(&memtrace(&["info", &path]).stdout).contains("block alloc"));
}

#[test]
fn what_is_no_trace_ends_with_three_and_says_what_to_try() {
    let (directory, path) = trace();
    let whole = std::fs::read(&path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_string_lossy().into_owned()
    };
    let cases = [
        (directory.path().join("none.trace").to_string_lossy().into_owned(), "cannot be opened"),
        (folder.path().to_string_lossy().into_owned(), "it is a directory"),
        (file("empty", b""), "it is empty"),
        (file("text", b"a letter to somebody"), "does not begin like a memtrace log"),
        (file("zip", b"PK\x03\x04 and more"), "it is an archive whose end is missing"),
        (file("short", &whole[..1000]), "it ends after 1000 bytes"),
        ("/dev/null".to_owned(), "it is a device"),
        (file("\u{1b}]0;x\u{7}", b""), "\\u{1b}]0;x\\u{7} cannot be read as a trace"),
    ];
    for (path, message) in cases {
        for command in ["analyze", "info"] {
            let output = memtrace(&[command, &path]);
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(3), "{said}");
            assert!(said.contains(message) && said.contains("try: "), "{said}");
            assert!(!said.contains('\u{1b}'), "{said}");
        }
    }
}

#[test]
fn a_damaged_trace_still_reads() {
    let (directory, path) = trace();
    let mut bytes = std::fs::read(&path).unwrap();
    let last = memtrace_format::FIRST_CHUNK_OFFSET + ChunkHeader::BYTES;
    bytes[last] ^= 1;
    let path = directory.path().join("damaged.trace");
    std::fs::write(&path, bytes).unwrap();
    let output = memtrace(&["analyze", &path.to_string_lossy()]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 damaged chunk"));
}

/// A pickle of `{'segments': [], 'device_traces': []}`.
pub(crate) const SNAPSHOT: &[u8] = b"\x80\x02}(X\x08\x00\x00\x00segments]X\x0d\x00\x00\x00device_traces]u.";

#[test]
fn a_recording_of_another_program_is_imported_or_read_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
    // Named after nothing that it is.
    let (recording, trace) = (path("recording.csv"), path("run.trace"));
    std::fs::write(&recording, SNAPSHOT).unwrap();
    for command in ["analyze", "info"] {
        let output = memtrace(&[command, "--json", &recording]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(value["trace"]["clock"], "imported");
    }
    let import = ["import", &recording, "-o", &trace];
    let output = memtrace(&import);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("PyTorch memory snapshot: 0 events"));
    assert_eq!(memtrace(&["analyze", &trace]).status.code(), Some(0));
    let before = std::fs::read(&trace).unwrap();

    let output = memtrace(&import);
    assert_eq!(output.status.code(), Some(2), "it exists");
    assert!(stderr(&output).contains("--force"), "{}", stderr(&output));
    assert_eq!(std::fs::read(&trace).unwrap(), before);
    assert_eq!(memtrace(&["import", &recording, "-o", &trace, "--force"]).status.code(), Some(0));
    // Not even then its own place.
    assert_eq!(memtrace(&["import", &recording, "-o", &recording, "--force"]).status.code(), Some(2));
    assert_eq!(std::fs::read(&recording).unwrap(), SNAPSHOT);
    let names = std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(names, 2, "nothing else is left behind");
}

#[test]
fn what_cannot_be_imported_ends_with_three_and_says_where() {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("run.trace").to_string_lossy().into_owned();
    let cases: [(&[u8], &str); 5] = [
        (&SNAPSHOT[..30], "at byte 18: it claims 13 bytes, and 7 are left"),
        (&SNAPSHOT[..18], "at byte 18: the file ends here"),
        (b"\x80\x04cos\nsystem\n(X\x02\x00\x00\x00lstR.", "at byte 2: GLOBAL would run code"),
        (b"\x80\x02}.", "at byte 2: this is no PyTorch memory snapshot"),
        (b"nothing that anybody records", "begins like no"),
    ];
    for (bytes, message) in cases {
        let recording = directory.path().join("recording").to_string_lossy().into_owned();
        std::fs::write(&recording, bytes).unwrap();
        let output = memtrace(&["import", &recording, "-o", &trace]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(message) && said.contains("try: "), "{said}");
        assert!(!std::fs::exists(&trace).unwrap());
        assert_eq!(memtrace(&["analyze", &recording]).status.code(), Some(3));
    }
}

#[test]
fn wrong_usage_ends_with_two() {
    for arguments in [&["analyze"][..], &["analyze", "--text", "--json", "x"], &["frobnicate"], &[]] {
        assert_eq!(memtrace(arguments).status.code(), Some(2));
    }
    assert_eq!(memtrace(&["--help"]).status.code(), Some(0));
}

#[test]
fn a_part_that_is_not_there_ends_with_two_and_says_why() {
    let (_directory, path) = trace();
    let output = memtrace(&["analyze", &path, "--from", "0s", "--to", "1ms"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("range       from 0 ns to 5 ns"));
    for (arguments, message) in [
        (&["--from", "5 hours"][..], "expected seconds"),
        (&["--from", "1s", "--to", "1ms"], "before it begins"),
        (&["--from", "1s"], "the trace ends at 5 ns"),
        (&["--phase", "\u{1b}x"], "no phase is called \\u{1b}x; the trace has no phases"),
        (&["--phase", "x", "--to", "1s"], "cannot be used with"),
    ] {
        let output = memtrace(&[&["analyze", &path], arguments].concat());
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(message), "{said}");
    }
}

/// Whoever reads the output is gone before it comes: that is no failure.
fn assert_a_reader_may_leave(arguments: &[&str]) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_memtrace"))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("memtrace starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("memtrace ends");
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn nobody_reading_is_no_failure() {
    let (_directory, path) = trace();
    assert_a_reader_may_leave(&["analyze", "--json", &path]);
}

#[test]
fn events_are_listed_as_text_and_as_json_and_a_reader_may_leave() {
    let (_directory, path) = trace();
    let listed = |arguments: &[&str]| {
        let output = memtrace(&[&["events", &path], arguments].concat());
        let said = stderr(&output);
        let text = String::from_utf8(output.stdout).unwrap();
        // Words that nothing mentions are told, for a headline alone looks like a trace without events.
        let is_missed = arguments.contains(&"--grep") && text.lines().count() == 1;
        let expected = if is_missed { "memtrace: no event mentions these words\n" } else { "" };
        assert_eq!((output.status.code(), said.as_str()), (Some(0), expected), "{arguments:?}");
        text
    };
    let whole = listed(&[]);
    let line = whole.lines().nth(1).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[0], "0.000000005");
    assert!(line.ends_with("block alloc                      0x40    4.00 KiB  asked 3.91 KiB"), "{line}");
    assert_eq!(whole.lines().count(), 2);
    assert_eq!(listed(&["--around", "5ns"]), whole);
    assert_eq!(listed(&["--grep", "0x1000 ALLOC"]), whole);
    for nothing in [&["--from", "6ns"][..], &["--to", "4ns"], &["--grep", "0x1040"], &["-n", "0"]] {
        assert_eq!(listed(nothing).lines().count(), 1, "{nothing:?}");
    }
    let json: serde_json::Value = serde_json::from_str(&listed(&["--json"])).unwrap();
    assert_eq!((&json["time_ns"], &json["bytes"], &json["address"]), (&5.into(), &4096.into(), &64.into()));

    assert_a_reader_may_leave(&["events", &path]);
}

#[test]
fn the_tracers_environment_changes_nothing() {
    let (_directory, path) = trace();
    let before = std::fs::read(&path).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_memtrace"))
        .args(["analyze", &path])
        .env("MEMTRACE_FILE", &path)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}
