//! The imports of a crate's source files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// What tests have for themselves.
const TESTS: [&str; 5] = ["tests", "snapshot_tests", "keys_document", "fixture", "recorded"];

/// A source file.
pub(crate) struct Source {
    /// Its module, as a path below the crate's root.
    pub(crate) module: Vec<String>,
    /// The paths that it uses: below the crate's root, or with the name of another crate of the project in front.
    pub(crate) uses: BTreeSet<Vec<String>>,
}

/// Every source file of a crate, without its tests.
pub(crate) fn sources(folder: &Path) -> Vec<Source> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap_or_else(|error| panic!("{}: {error}", next.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.into_iter().filter_map(|path| source(folder, &path)).collect()
}

fn source(folder: &Path, path: &PathBuf) -> Option<Source> {
    let below = path.strip_prefix(folder).expect("it is below").with_extension("");
    let mut module: Vec<String> = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if module.iter().any(|part| TESTS.contains(&part.as_str())) {
        return None;
    }
    if module.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        module.pop();
    }
    let text = fs::read_to_string(path).expect("UTF-8");
    let uses = paths(without_tests(&without_comments(&text)));
    let uses = uses.into_iter().filter_map(|path| absolute(&module, path)).collect();
    Some(Source { module, uses })
}

/// What names at a crate's root stand for: the modules that they are re-exported from.
pub(crate) fn roots(folder: &Path) -> BTreeMap<String, String> {
    let text = without_comments(&fs::read_to_string(folder.join("lib.rs")).expect("a root"));
    let mut found = Vec::new();
    for statement in text.split(';').filter_map(|statement| statement.trim().strip_prefix("pub use ")) {
        tree(statement, &mut Vec::new(), &mut found);
    }
    let root = |path: Vec<String>| Some((path.last()?.clone(), path.first()?.clone()));
    found.into_iter().filter(|path| path.len() > 1).filter_map(root).collect()
}

fn without_comments(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Without the module for tests at the end of a file.
fn without_tests(text: &str) -> &str {
    let tests = text
        .match_indices("#[cfg(test)]\nmod ")
        .find(|(at, _)| text[*at..].lines().nth(1).is_some_and(|line| line.ends_with('{')));
    tests.map_or(text, |(at, _)| &text[..at])
}

/// Every path that begins with `crate`, `super`, `self` or a crate of the project.
fn paths(text: &str) -> Vec<Vec<String>> {
    let starts = ["crate::", "super::", "self::", "memtrace_"];
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((at, start)) =
        starts.iter().filter_map(|start| Some((rest.find(start)?, start))).min_by_key(|(at, _)| *at)
    {
        let before = rest[..at].chars().next_back();
        let is_start = before.is_none_or(|c| !(is_of_name(c) || c == ':'));
        let taken = if is_start { tree(&rest[at..], &mut Vec::new(), &mut found) } else { start.len() };
        rest = &rest[at + taken..];
    }
    found
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Reads a path, or a tree of them, behind `prefix`. Returns how long it is.
fn tree(text: &str, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    let depth = prefix.len();
    let mut at = 0;
    loop {
        let name = text[at..].chars().take_while(|c| is_of_name(*c)).count();
        if name > 0 {
            prefix.push(text[at..at + name].to_owned());
            at += name;
        }
        let behind = text[at..].strip_prefix("::");
        if behind.is_some_and(|behind| behind.starts_with('{')) {
            at += 3;
            while !matches!(text[at..].chars().next(), None | Some('}')) {
                let taken = tree(&text[at..], prefix, found);
                // Behind it is a comma, a blank, or the name that it gets here.
                let rest = text[at + taken..].split([',', '}']).next().unwrap_or_default();
                at += taken + rest.len();
                at += text[at..].len() - text[at..].trim_start_matches([',', ' ', '\n']).len();
            }
            at = (at + 1).min(text.len());
            break;
        }
        if name == 0 || behind.is_none_or(|behind| !behind.starts_with(is_of_name)) {
            found.push(prefix.clone());
            break;
        }
        at += 2;
    }
    prefix.truncate(depth);
    at.max(1)
}

/// A path as it is below the crate's root; none: it leads nowhere.
fn absolute(module: &[String], path: Vec<String>) -> Option<Vec<String>> {
    let up = path.iter().take_while(|part| *part == "super").count();
    match path.first()?.as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some([module, &path[1..]].concat()),
        "super" => Some([module.get(..module.len().checked_sub(up)?)?, &path[up..]].concat()),
        _ => Some(path),
    }
}
