//! `docs/reference.md` against the command and the sources: nothing is missing, and nothing is made up.

use std::{collections::BTreeSet, fs};

use super::{files, page, root, section};
use crate::programs;

const PAGE: &str = "docs/reference.md";

#[test]
fn every_command_and_option_is_there() {
    let reference = page(PAGE);
    let documented: BTreeSet<&str> =
        section(&reference, "## Commands").iter().filter_map(|line| line.strip_prefix("### ")).collect();
    let commands = commands();
    assert_eq!(documented, commands.iter().map(String::as_str).collect());
    assert!(commands.len() > 12, "{commands:?}");
    for command in &commands {
        let rows = section(&reference, &format!("### {command}"));
        let cells = rows.iter().filter_map(|row| row.strip_prefix("| ")?.split(" | ").next());
        let documented: BTreeSet<String> = cells.flat_map(options).collect();
        let help = help(&[command]);
        let indented = help.lines().filter_map(|line| line.strip_prefix("  "));
        let lines = indented.map(str::trim_start).filter(|line| line.starts_with('-'));
        let mut there: BTreeSet<String> =
            lines.flat_map(|line| options(line.split("  ").next().unwrap())).collect();
        there.retain(|option| !["--help", "-h"].contains(&option.as_str()));
        assert_eq!(documented, there, "memtrace {command}");
    }
}

#[test]
fn every_variable_is_there_and_no_page_names_another() {
    let reference = page(PAGE);
    let documented: BTreeSet<&str> = variables(&reference).collect();
    let mut read = BTreeSet::new();
    for (folder, ending) in [("tracer", ".rs"), ("tracer/python", ".py")] {
        for file in files(&root().join(folder), ending) {
            let source = fs::read_to_string(file).unwrap();
            // What is a string by itself is a variable's name.
            read.extend(source.split('"').filter(|text| is_variable(text)).map(str::to_owned));
        }
    }
    // It makes a test of the header write it.
    read.remove("MEMTRACE_WRITE_HEADER");
    assert_eq!(documented, read.iter().map(String::as_str).collect());
    // The header has constants of such names, and tests have variables of their own.
    let header = page("tracer/c/include/memtrace.h");
    let mut known: BTreeSet<&str> = variables(&header).chain(documented).collect();
    known.insert("MEMTRACE_WRITE_HEADER");
    let pages = files(&root(), ".md").into_iter();
    for file in pages.chain(files(&root().join("analyzer"), ".rs")) {
        let text = fs::read_to_string(&file).unwrap();
        let unknown: Vec<_> = variables(&text)
            .filter(|name| !known.contains(name) && !name.starts_with("MEMTRACE_TEST_"))
            .collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", file.display());
    }
}

fn is_variable(word: &str) -> bool {
    let rest = word.strip_prefix("MEMTRACE_");
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|c| c.is_ascii_uppercase() || c == b'_'))
}

fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| is_variable(word))
}

/// The options that a text names: `-o`, `--output`.
fn options(text: &str) -> Vec<String> {
    let words = text.split(|c: char| c.is_whitespace() || "`,=".contains(c));
    words
        .filter(|word| word.starts_with('-') && word.contains(char::is_alphabetic))
        .map(str::to_owned)
        .collect()
}

fn commands() -> Vec<String> {
    let help = help(&[]);
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let named = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = named.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

fn help(command: &[&str]) -> String {
    let output = programs::memtrace().args(command).arg("--help").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
