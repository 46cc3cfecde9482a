//! Layers: what `docs/architecture.md` says of who may know whom is held against the sources.
//!
//! The tables of the document list crates and modules, the lowest first. An import from further down in the table is a climb. Modules
//! that import each other in a circle are one thing that pretends to be several: there is none among the modules of the analysis, and
//! none of more than four files in the terminal interface.

#[path = "layers/sources.rs"]
mod sources;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use sources::{Source, roots, sources};

const DOCUMENT: &str = include_str!("../../../docs/architecture.md");

/// The most files of the terminal interface that may import each other in a circle.
const CIRCLE: usize = 4;

fn analyzer() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The names in backticks in a column of the table behind a heading, in their order.
fn listed(heading: &str, column: usize) -> Vec<String> {
    let (_, behind) = DOCUMENT.split_once(heading).unwrap_or_else(|| panic!("no heading {heading}"));
    let rows = behind.lines().skip_while(|line| !line.starts_with("| ---")).skip(1);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.split('|').nth(column).unwrap_or_default());
    let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned));
    let names: Vec<String> = names.collect();
    assert!(names.len() > 3, "{heading}: {names:?}");
    names
}

fn ranks(names: &[String]) -> BTreeMap<&str, usize> {
    names.iter().enumerate().map(|(rank, name)| (name.as_str(), rank)).collect()
}

fn assert_none(climbs: &BTreeSet<String>) {
    let lines: Vec<&str> = climbs.iter().map(String::as_str).collect();
    assert!(climbs.is_empty(), "{} climbs:\n{}", climbs.len(), lines.join("\n"));
}

#[test]
fn no_module_of_the_analysis_knows_one_above_it() {
    let names = listed("\n### `analyzer/analysis`", 2);
    let ranks = ranks(&names);
    let folder = analyzer().join("analysis/src");
    let roots = roots(&folder);
    let (mut climbs, mut known) = (BTreeSet::new(), BTreeSet::new());
    for source in sources(&folder) {
        let Some(module) = source.module.first() else { continue };
        known.insert(module.clone());
        let own = *ranks.get(module.as_str()).unwrap_or_else(|| panic!("the table has no {module}"));
        for path in &source.uses {
            let Some(first) = path.first() else { continue };
            // A name at the root may be that of a module too.
            let is_module = path.len() > 1 && ranks.contains_key(first.as_str());
            let target = roots.get(first).filter(|_| !is_module).unwrap_or(first);
            if ranks.get(target.as_str()).is_some_and(|&rank| rank > own) {
                climbs.insert(format!("{} uses {}", source.module.join("::"), path.join("::")));
            }
        }
    }
    assert_eq!(
        names.iter().cloned().collect::<BTreeSet<_>>(),
        known,
        "the table's modules and those there are"
    );
    assert_none(&climbs);
}

#[test]
fn no_crate_knows_one_above_it() {
    let (folders, packages) = (listed("\n### `analyzer`\n", 1), listed("\n### `analyzer`\n", 2));
    let crates: Vec<String> = packages.iter().map(|package| package.replace('-', "_")).collect();
    let ranks = ranks(&crates);
    let mut climbs = BTreeSet::new();
    for (own, (folder, name)) in folders.iter().zip(&crates).enumerate() {
        for source in sources(&analyzer().join(folder).join("src")) {
            let used = source.uses.iter().filter_map(|path| path.first());
            let above = used.filter(|first| ranks.get(first.as_str()).is_some_and(|&rank| rank > own));
            climbs.extend(above.map(|first| format!("{name}::{} uses {first}", source.module.join("::"))));
        }
    }
    assert_none(&climbs);
}

#[test]
fn circles_are_small() {
    let module = |source: &Source| source.module.first().cloned().unwrap_or_default();
    let analysis = largest_circle(&analyzer().join("analysis/src"), module);
    assert!(analysis.is_empty(), "modules in a circle: {analysis:?}");
    let tui = largest_circle(&analyzer().join("tui/src"), |source| source.module.join("::"));
    assert!(tui.len() <= CIRCLE, "{} files in a circle: {tui:?}", tui.len());
}

/// The largest set of nodes each of which imports all others, by way of others or not. The root of a crate is no node: it knows everybody.
fn largest_circle(folder: &Path, node: impl Fn(&Source) -> String) -> BTreeSet<String> {
    let sources = sources(folder);
    let roots = roots(folder);
    let nodes: BTreeMap<String, String> =
        sources.iter().map(|source| (source.module.join("::"), node(source))).collect();
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.module.is_empty()) {
        let from = node(source);
        for path in &source.uses {
            let is_module = path.len() > 1 && nodes.contains_key(&path[0]);
            let module = path.first().filter(|_| !is_module).and_then(|first| roots.get(first));
            let path: Vec<&str> = module.into_iter().chain(path).map(String::as_str).collect();
            let file = (1..=path.len()).rev().find_map(|length| nodes.get(&path[..length].join("::")));
            if let Some(target) = file.filter(|target| **target != from && !target.is_empty()) {
                edges.entry(from.clone()).or_default().insert(target.clone());
            }
        }
    }
    let reached_from = |from: &String| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(node) = next.pop() {
            let targets = edges.get(&node).into_iter().flatten();
            next.extend(targets.filter(|target| seen.insert((*target).clone())).cloned());
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> =
        edges.keys().map(|node| (node, reached_from(node))).collect();
    let circle_of = |node: &String| -> BTreeSet<String> {
        let leads_back = |other: &&String| reached.get(*other).is_some_and(|back| back.contains(node));
        reached[node].iter().filter(leads_back).cloned().collect()
    };
    edges.keys().map(circle_of).max_by_key(BTreeSet::len).unwrap_or_default()
}
