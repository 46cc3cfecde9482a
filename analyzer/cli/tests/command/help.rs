//! The command's own words: help, manual pages, completions, and its messages when something is wrong.

use std::{fs, process::Command};

use memtrace_terminal::{Size, Terminal};

use super::{memtrace, stderr, trace};

/// The commands that the help lists.
pub(crate) fn commands() -> Vec<String> {
    let help = help(&[]);
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed.take_while(|line| !line.is_empty()).filter(|line| line.starts_with("  "));
    let names =
        names.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

fn help(command: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_memtrace"))
        .args(command)
        .arg("--help")
        .env("COLUMNS", "100")
        .output()
        .expect("it runs");
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    String::from_utf8(output.stdout).expect("help is text")
}

#[test]
fn every_command_explains_itself() {
    let commands = commands();
    assert!(commands.len() >= 13 && commands.contains(&"analyze".to_owned()), "{commands:?}");
    insta::assert_snapshot!("help", help(&[]));
    for command in commands {
        let help = help(&[&command]);
        // What it takes, and something to try it by.
        assert!(help.contains("Usage: memtrace ") && help.contains(&format!(" {command} ")), "{help}");
        let has_more = ["Examples:", "Exit status", "Which recording"].iter().any(|more| help.contains(more));
        assert!(has_more, "{help}");
        insta::assert_snapshot!(format!("help_{command}"), help);
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("share/man1");
    let output = memtrace(&["man", "-o", &pages.to_string_lossy()]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    let mut names: Vec<_> =
        fs::read_dir(&pages).unwrap().map(|page| page.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let mut expected: Vec<_> = commands().iter().map(|command| format!("memtrace-{command}.1")).collect();
    expected.push("memtrace.1".to_owned());
    expected.sort();
    assert_eq!(names, expected);
    for name in ["memtrace.1", "memtrace-analyze.1", "memtrace-record.1"] {
        insta::assert_snapshot!(name, fs::read_to_string(pages.join(name)).unwrap());
    }
    // A second time they take the place of the first.
    assert_eq!(memtrace(&["man", "-o", &pages.to_string_lossy()]).status.code(), Some(0));
    let output = memtrace(&["man", "-o", "/dev/null/man1"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(stderr(&output).contains("/dev/null/man1 cannot be written"), "{}", stderr(&output));
}

#[test]
fn shells_can_complete_commands_and_flags() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = memtrace(&["completions", shell]);
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
        let script = String::from_utf8(output.stdout).unwrap();
        for word in commands().iter().map(String::as_str).chain(["max-swap-time", "fail-if-worse"]) {
            assert!(script.contains(word), "{word} is missing for {shell}");
        }
    }
    assert_eq!(memtrace(&["completions", "dos"]).status.code(), Some(2));
    let script = "source <(\"$0\" completions bash)\nCOMP_WORDS=(memtrace an)\nCOMP_CWORD=1\n\
                  _memtrace memtrace an memtrace\necho \"${COMPREPLY[@]}\"";
    let completed =
        Command::new("bash").args(["-c", script, env!("CARGO_BIN_EXE_memtrace")]).output().unwrap();
    assert_eq!(
        (String::from_utf8_lossy(&completed.stdout).trim(), stderr(&completed).as_str()),
        ("analyze", "")
    );
}

/// Help and messages have colours on a terminal alone, and not where `NO_COLOR` is set.
#[test]
fn colours_are_for_terminals_that_want_them() {
    let shown = |no_color: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_memtrace"));
        command.arg("--help").env("NO_COLOR", no_color);
        Terminal::start(&mut command, Size { columns: 100, rows: 40 }).finish().written
    };
    assert!(shown("").contains("\u{1b}["), "a terminal gets some");
    assert!(!shown("1").contains('\u{1b}'));
    assert!(!help(&[]).contains('\u{1b}'));
}

/// What is said about the most common mistakes: where it is, and what to try.
#[test]
fn messages_say_where_and_what_to_try() {
    let (directory, path) = trace();
    let file = |name: &str, bytes: &[u8]| {
        let path = directory.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_string_lossy().into_owned()
    };
    let log = fs::read(&path).unwrap();
    let mut newer = log.clone();
    newer[8] = 9;
    let [none, empty, letter, short, newer, zip, pickle] = [
        directory.path().join("none.trace").to_string_lossy().into_owned(),
        file("empty.trace", b""),
        file("letter.txt", b"Dear reader, this is no recording at all."),
        file("short.trace", &log[..1000]),
        file("newer.trace", &newer),
        file("other.zip", b"PK\x03\x04 and no more"),
        file("code.pickle", b"\x80\x04cos\nsystem\n(X\x02\x00\x00\x00lstR."),
    ];
    let budget = file("budget.toml", b"max-peek = \"1\"");
    let cases: &[&[&str]] = &[
        &["analyze", &none],
        &["analyze", &empty],
        &["analyze", &letter],
        &["analyze", &short],
        &["analyze", &newer],
        &["analyze", &zip],
        &["analyze", &pickle],
        &["analyze", "/dev/null"],
        &["analyze", &path, "--from", "1h"],
        &["analyze", &path, "--from", "5s"],
        &["analyze", &path, "--phase", "denoise"],
        &["analyze", &path, "--at", "oom"],
        &["analyze", &path, "--follow"],
        &["analyze", &path, &path, "--at", "peak"],
        &["analyse", &path],
        &["check", &path],
        &["check", &path, "--budget", &budget],
        &["check", &path, "--max-peak", "lots"],
        &["diff", &path],
        &["import", &path, "-o", &path],
        &["unpack", &path],
    ];
    let mut said = String::new();
    for case in cases {
        let output = memtrace(case);
        let (line, message) = (case.join(" "), stderr(&output));
        let status = output.status.code().expect("it ends by itself");
        assert!(status != 0 && !message.contains("panicked"), "{line}: {message}");
        said.push_str(&format!("$ memtrace {line}\n{message}exit status {status}\n\n"));
    }
    insta::assert_snapshot!("messages", said.replace(&*directory.path().to_string_lossy(), "FOLDER"));
}
