//! Links between the project's pages lead somewhere.

use std::{collections::HashSet, fs, path::Path};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{files, root};

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let pages = files(&root(), ".md");
    let mut looked_at = 0;
    let mut broken = Vec::new();
    for page in &pages {
        for link in links(&fs::read_to_string(page).unwrap()) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            looked_at += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            if !leads_somewhere(&target, anchor) {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(pages.len() > 15 && looked_at > 100, "{} pages, {looked_at} links", pages.len());
}

/// Paths in the text are those of files, from the root or from the page's folder. `NAME` stands for a file to write.
#[test]
fn every_path_that_is_named_is_there() {
    let mut looked_at = 0;
    let mut missing = Vec::new();
    for page in files(&root(), ".md") {
        for path in paths(&fs::read_to_string(&page).unwrap()) {
            looked_at += 1;
            if !root().join(&path).exists() && !page.parent().unwrap().join(&path).exists() {
                missing.push(format!("{}: {path}", page.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(looked_at > 30, "{looked_at} paths");
}

/// What a page writes as code and begins with one of the project's folders.
fn paths(text: &str) -> Vec<String> {
    const FOLDERS: [&str; 8] =
        ["analyzer/", "docs/", "examples/", "format/", "tests/", "tracer/", ".ci/", ".github/"];
    let is_path =
        |code: &str| FOLDERS.iter().any(|folder| code.starts_with(folder)) && !code.contains([' ', '*', '…']);
    let parser = Parser::new_ext(text, Options::ENABLE_TABLES);
    let code =
        parser.filter_map(|event| if let Event::Code(code) = event { Some(code.to_string()) } else { None });
    code.filter(|code| is_path(code) && !code.contains("NAME")).collect()
}

fn leads_somewhere(target: &Path, anchor: &str) -> bool {
    target.exists() && (anchor.is_empty() || anchors(target).contains(anchor))
}

fn links(text: &str) -> Vec<String> {
    let destination = |event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => Some(dest_url.to_string()),
        _ => None,
    };
    Parser::new_ext(text, Options::ENABLE_TABLES).filter_map(destination).collect()
}

/// The headings of a page, as links name them.
fn anchors(page: &Path) -> HashSet<String> {
    let text = fs::read_to_string(page).unwrap();
    let mut anchors = HashSet::new();
    let mut heading = None;
    for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
        match (event, &mut heading) {
            (Event::Start(Tag::Heading { .. }), _) => heading = Some(String::new()),
            (Event::Text(text) | Event::Code(text), Some(heading)) => heading.push_str(&text),
            (Event::End(TagEnd::Heading(_)), Some(text)) => {
                anchors.insert(slug(text));
                heading = None;
            }
            _ => {}
        }
    }
    anchors
}

/// Lower case, without punctuation, with hyphens for spaces.
fn slug(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .collect::<String>();
    kept.replace(' ', "-")
}
