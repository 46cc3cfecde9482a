//! Archives, links and pipes that somebody has laid out so that the command reads or writes where it should not.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use memtrace_analysis::{Trace, pack::pack};
use memtrace_testing::recording::{HOST, Recording, alloc, file};

fn memtrace(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memtrace"));
    let output = command.args(arguments).current_dir(folder).output().expect("it runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn packed(log: &[u8], name: &str) -> Vec<u8> {
    let trace = Trace::open(file(log).path()).expect("it is a log");
    let mut archive = std::io::Cursor::new(Vec::new());
    pack(&trace, name, &[], &mut archive, &mut |_| ()).expect("there is room");
    archive.into_inner()
}

fn recorded() -> Vec<u8> {
    let mut recording = Recording::new();
    recording.at(1, 1, alloc(HOST, 64, 64, 64));
    recording.bytes()
}

/// Whatever an archive calls what is in it, it is written where it was asked for.
#[test]
fn nothing_is_written_where_an_archive_wants_it() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("a/b");
    fs::create_dir_all(&inner).unwrap();
    let log = recorded();
    for name in ["../../evil.trace", "/tmp/memtrace-evil.trace", "..\\evil", "run.trace"] {
        fs::write(inner.join("bug.zip"), packed(&log, name)).unwrap();
        assert_eq!(memtrace(&inner, &["unpack", "bug.zip", "--force"]), (Some(0), String::new()), "{name}");
        assert_eq!(fs::read(inner.join("bug")).unwrap(), log);
        let mut found: Vec<_> =
            fs::read_dir(&inner).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        found.sort();
        assert_eq!(found, ["bug", "bug.zip"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
    assert!(!fs::exists("/tmp/memtrace-evil.trace").unwrap());
}

/// What a link points to is never written, with `--force` neither.
#[test]
fn links_are_replaced_and_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("run.trace"), recorded()).unwrap();
    fs::write(path("victim"), "precious").unwrap();
    let write = |arguments: &str| memtrace(folder.path(), &arguments.split(' ').collect::<Vec<_>>()).0;
    assert_eq!(write("pack run.trace"), Some(0));
    for line in ["pack run.trace -o link", "unpack run.trace.zip -o link", "report run.trace -o link"] {
        for target in ["victim", "nowhere"] {
            let _ = fs::remove_file(path("link"));
            symlink(path(target), path("link")).unwrap();
            assert_eq!(write(line), Some(2), "{line}, a link to {target}");
            assert!(path("link").is_symlink());
            assert_eq!(write(&format!("{line} --force")), Some(0), "{line}, a link to {target}");
            assert!(!path("link").is_symlink());
            assert_eq!(fs::read_to_string(path("victim")).unwrap(), "precious");
            assert!(!path("nowhere").exists());
        }
    }
}

/// A pipe that nobody writes to is told from a file before anybody waits for it.
#[test]
fn a_named_pipe_is_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Command::new("mkfifo").arg(folder.path().join("run.trace")).status().unwrap().success());
    for command in ["analyze", "info", "events", "pack", "report"] {
        let (status, said) = memtrace(folder.path(), &[command, "run.trace"]);
        assert_eq!(status, Some(3), "{said}");
        assert!(said.contains("pipe"), "{said}");
    }
    assert_eq!(memtrace(folder.path(), &["import", "run.trace", "-o", "new.trace"]).0, Some(3));
}
