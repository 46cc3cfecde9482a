//! The commands of `docs/guide.md`, run as they stand.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use super::page;
use crate::programs;

/// A block of the guide.
enum Block<'a> {
    /// Commands, a line each.
    Commands(Vec<&'a str>),
    /// What they print, abridged.
    Output(Vec<&'a str>),
}

/// What a command says behind its end when it fails on purpose.
const STATUS: &str = " # exits with ";

#[test]
fn every_command_runs_and_finds_what_the_guide_says() {
    let folder = tempfile::tempdir().unwrap();
    let programs = folder.path().join("bin");
    fs::create_dir(&programs).unwrap();
    for (name, command) in [
        ("memtrace", programs::memtrace()),
        ("diffusion", programs::diffusion()),
        ("figures", programs::figures()),
    ] {
        symlink(command.get_program(), programs.join(name)).unwrap();
    }
    let shell = |line: &str| {
        let mut command = programs::quiet(Path::new("bash"));
        // A machine that others use up says so in its samples, and is no matter of the guide.
        command
            .args(["-c", line])
            .current_dir(folder.path())
            .env("MEMTRACE_SAMPLE", "host=0,pss=0,pressure=0");
        command.env("PATH", format!("{}:{}", programs.display(), std::env::var("PATH").unwrap()));
        command.env("LD_LIBRARY_PATH", programs::cuda_folder()).env("TMPDIR", weights());
        command
    };
    // Files of weights are written on first use, which is no part of a run.
    run(shell("diffusion --checkpoints 2 --switches 1 --steps 1"), 0);
    run(shell("diffusion --scale 1/1024 --steps 1"), 0);

    let guide = page("docs/guide.md");
    let (mut commands, mut quotes) = (0, 0);
    let mut printed = String::new();
    for block in blocks(&guide) {
        match block {
            Block::Commands(lines) => {
                for line in lines {
                    let (line, status) = line.split_once(STATUS).unwrap_or((line, "0"));
                    printed += &run(shell(line), status.parse().unwrap());
                    commands += 1;
                }
            }
            Block::Output(lines) => {
                for rule in lines.iter().filter_map(|line| found(line)) {
                    let was_found = printed.lines().any(|line| found(line) == Some(rule));
                    assert!(was_found, "nothing printed so far finds {rule:?}");
                    quotes += 1;
                }
            }
        }
    }
    assert!(commands > 40 && quotes > 2, "{commands} commands, {quotes} quotes: these are not all");
}

/// The rule that a line of a report is the finding of. How bad it is depends on times.
fn found(line: &str) -> Option<&str> {
    let is_found = matches!(line.split_whitespace().next(), Some("FAIL" | "WARN"));
    line.rsplit_once('(')?.1.strip_suffix(')').filter(|_| is_found)
}

/// A folder that stays from run to run.
fn weights() -> &'static Path {
    let folder = Path::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/guide"));
    fs::create_dir_all(folder).unwrap();
    folder
}

/// Runs a command; returns what it printed.
fn run(mut command: Command, status: i32) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{command:?}:\n{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The blocks behind the part that says how to set this up, which the test does in its own way.
fn blocks(guide: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut lines = guide.lines().skip_while(|line| *line != "## Set up").skip(1);
    lines.find(|line| line.starts_with("## ")).expect("parts behind it");
    while let Some(line) = lines.next() {
        let kind = line.trim_start();
        if kind == "```sh" || kind == "```text" {
            let inside = lines.by_ref().map(str::trim).take_while(|line| *line != "```");
            let inside = inside.filter(|line| !line.is_empty()).collect();
            blocks.push(if kind == "```sh" { Block::Commands(inside) } else { Block::Output(inside) });
        }
    }
    blocks
}
