//! Habits that all commands share: exit statuses, and readers that go away.

use std::{
    fs::{self, File},
    io,
    process::{Command, Output, Stdio},
};

use super::{help::commands, memtrace, stderr, trace};

/// Commands that look at a trace or tell of the program, and the status with which they end on a sound one.
/// Every command is in here, but for `record`, which needs the tracer's library and has tests where that is built.
const LINES: &[(&str, u8)] = &[
    ("analyze RUN", 0),
    ("analyze RUN --json", 0),
    ("analyze RUN RUN", 0),
    ("analyze RUN --at peak", 0),
    ("analyze RUN --at 0 --against end --json", 0),
    ("info RUN", 0),
    ("info RUN --json", 0),
    ("diff RUN RUN", 0),
    ("diff RUN RUN --fail-if-worse 0 --json", 0),
    ("check RUN --max-failed-requests 0", 0),
    ("check RUN --max-peak 1", 1),
    ("events RUN", 0),
    ("events RUN --json", 0),
    ("import OTHER -o NEW", 0),
    ("export RUN --to csv", 0),
    ("export RUN --to perfetto -o NEW", 0),
    ("report RUN", 0),
    ("report RUN -o NEW", 0),
    ("cut RUN -o NEW --from 0", 0),
    ("scrub RUN -o NEW", 0),
    ("pack RUN -o NEW", 0),
    ("unpack RUN -o NEW", 0),
    ("doctor --library none --json", 1),
    ("completions zsh", 0),
    ("man -o NEW", 0),
    ("help", 0),
    ("help check", 0),
    ("--help", 0),
    ("--version", 0),
];

/// A line with its files in place, and the file that it makes, which is not there yet.
fn words(line: &str, run: &str, folder: &std::path::Path) -> (Vec<String>, Option<std::path::PathBuf>) {
    let new = folder.join("new");
    let _ = fs::remove_file(&new);
    let _ = fs::remove_dir_all(&new);
    let other = folder.join("other");
    fs::write(&other, crate::SNAPSHOT).expect("room");
    let path = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let word = |word| match word {
        "RUN" => run.to_owned(),
        "OTHER" => path(&other),
        "NEW" => path(&new),
        word => word.to_owned(),
    };
    (line.split(' ').map(word).collect(), line.contains("NEW").then_some(new))
}

fn run(words: &[String], stdout: Stdio, stderr: Stdio) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memtrace"));
    command.args(words).stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    command.spawn().and_then(std::process::Child::wait_with_output).expect("it runs")
}

/// The writing end of a pipe that nobody reads.
fn nobody() -> Stdio {
    io::pipe().expect("a pipe").1.into()
}

#[test]
fn every_command_is_tried() {
    let tried = |command: &String| LINES.iter().any(|(line, _)| line.split(' ').next() == Some(command));
    let left: Vec<_> = commands().into_iter().filter(|command| !tried(command)).collect();
    assert_eq!(left, ["record"]);
}

#[test]
fn nobody_reading_changes_neither_what_is_done_nor_the_status() {
    let (directory, path) = trace();
    for (line, status) in LINES {
        for read in [true, false] {
            let (words, made) = words(line, &path, directory.path());
            let output = run(&words, if read { Stdio::piped() } else { nobody() }, Stdio::piped());
            assert_eq!(output.status.code(), Some(i32::from(*status)), "{line}: {}", stderr(&output));
            assert_eq!(stderr(&output), "", "{line}");
            assert_eq!(output.stdout.is_empty(), !read, "{line}");
            assert!(made.is_none_or(|made| made.exists()), "{line}, read: {read}");
        }
    }
}

#[test]
fn nobody_reading_messages_changes_no_status() {
    let (directory, path) = trace();
    let nothing = directory.path().join("none.trace").to_string_lossy().into_owned();
    for (line, status) in
        [("analyze NONE", 3), ("analyze RUN --phase none", 2), ("check RUN", 2), ("frobnicate", 2)]
    {
        let words: Vec<_> =
            line.replace("NONE", &nothing).replace("RUN", &path).split(' ').map(str::to_owned).collect();
        assert_eq!(run(&words, nobody(), nobody()).status.code(), Some(status), "{line}");
    }
}

#[test]
fn an_output_that_takes_nothing_is_told() {
    let (directory, path) = trace();
    for (line, _) in LINES.iter().filter(|(line, _)| !line.starts_with("help") && !line.starts_with("--")) {
        let (words, _) = words(line, &path, directory.path());
        let full = File::options().write(true).open("/dev/full").expect("it is there");
        let output = run(&words, full.into(), Stdio::piped());
        assert_eq!(output.status.code(), Some(4), "{line}");
        assert!(stderr(&output).contains("the output cannot be written"), "{line}: {}", stderr(&output));
    }
}

/// Where a line takes a trace, what is none is status 3, and a flag that nobody knows is 2.
#[test]
fn every_command_has_the_statuses_of_the_contract() {
    let (directory, path) = trace();
    let letter = directory.path().join("letter.txt").to_string_lossy().into_owned();
    fs::write(&letter, "Dear reader").unwrap();
    for (line, _) in LINES {
        let (mut words, _) = words(line, &path, directory.path());
        let source =
            ["RUN", "OTHER"].into_iter().find_map(|word| line.split(' ').position(|other| other == word));
        if let Some(place) = source {
            for wrong in [letter.clone(), directory.path().join("none").to_string_lossy().into_owned()] {
                let mut words = words.clone();
                words[place] = wrong.clone();
                if line.contains("RUN RUN") && line.starts_with("analyze") {
                    // Of several traces, those that can be read are told.
                    words[place + 1] = wrong;
                }
                let output = run(&words, Stdio::piped(), Stdio::piped());
                let said = stderr(&output);
                assert_eq!(output.status.code(), Some(3), "{line}: {said}");
                assert!(said.contains("try: "), "{line}: {said}");
            }
        }
        if !line.starts_with("help") && !line.starts_with("--") {
            words.push("--frobnicate".to_owned());
            assert_eq!(run(&words, Stdio::piped(), Stdio::piped()).status.code(), Some(2), "{line}");
        }
    }
    assert_eq!(memtrace(&[]).status.code(), Some(2));
}

#[test]
fn every_command_that_reads_a_trace_reads_standard_input() {
    let (directory, path) = trace();
    for (line, status) in LINES {
        let (mut words, made) = words(line, &path, directory.path());
        let source = line.split(' ').position(|word| ["RUN", "OTHER"].contains(&word));
        let Some(place) = source else { continue };
        let piped = File::open(std::mem::replace(&mut words[place], "-".to_owned())).expect("it is there");
        let mut command = Command::new(env!("CARGO_BIN_EXE_memtrace"));
        let output = command.args(&words).stdin(piped).output().expect("it runs");
        assert_eq!(output.status.code(), Some(i32::from(*status)), "{line}: {}", stderr(&output));
        assert!(made.is_none_or(|made| made.exists()), "{line}");
    }
}

#[test]
fn what_finds_nothing_says_so() {
    let (directory, path) = trace();
    let budget = directory.path().join("budget.toml");
    fs::write(&budget, "[devices]\nmax-peek = \"8GiB\"\n").expect("room");
    let budget = budget.to_string_lossy();
    let none = directory.path().join("none.trace");
    let none = none.to_string_lossy();
    for (arguments, status, said) in [
        (&["analyze", &path, "--cycle", "nosuch"][..], 2, "no phase, scope, mark or module is called nosuch"),
        (&["events", &path, "--grep", ""], 2, "--grep needs words"),
        (&["events", &path, "--grep", "nosuch"], 0, "no event mentions these words"),
        (&["analyze", &path, &none], 3, "cannot be read as a trace"),
        (&["check", &path, "--budget", &budget], 2, "max-peak = \"8GiB\""),
    ] {
        let output = memtrace(arguments);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{arguments:?}: {}", stderr(&output));
    }
    let both = memtrace(&["analyze", &path, &none]);
    assert!(
        String::from_utf8_lossy(&both.stdout).contains("memtrace analyze"),
        "the one that can be read is told"
    );
}
