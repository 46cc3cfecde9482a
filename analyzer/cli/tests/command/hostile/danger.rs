//! Bytes that must not be in an output, by the kind of program that reads it. None of this is taken from the analyzer.

use pulldown_cmark::{Event, Options, Parser, Tag};

/// How a terminal, a page or a spreadsheet is commanded. Each field's text has all of them, and in every variant another one
/// stands directly behind the field's marker, where nothing is cut off.
pub(crate) const PIECES: [&str; 8] = [
    "\u{1b}]0;owned\u{7}\u{1b}[2J",
    "\u{9b}31m\u{85}",
    "\r\nFORGED line",
    "\u{202e}\u{2066}",
    "\u{200b}\u{feff}\u{e0041}",
    "</script><img src=x onerror=alert(1)>",
    "\"'><b>",
    "`*|*[link](http://x.y) @everyone",
];

/// What a spreadsheet takes for the beginning of a formula.
pub(crate) const FORMULAS: [&str; 4] = ["=", "+", "-", "@"];

/// What reads an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A terminal, line by line.
    Text,
    /// What a program wrote to a terminal to draw on it.
    Drawn,
    /// A JSON parser; or a terminal, if it is printed.
    Json,
    /// JSON, an object a line.
    JsonLines,
    /// Perfetto; its tracks and events, a line each.
    Perfetto,
    /// An issue tracker.
    Markdown,
    /// A spreadsheet.
    Csv,
    /// A browser.
    Svg,
    /// A browser.
    Html,
}

impl Kind {
    /// What of this text would do harm.
    pub(crate) fn harm(self, text: &str) -> Vec<String> {
        let mut harm = Vec::new();
        let mut found = |what: &str, at: &str| harm.push(format!("{what}: {:?}", excerpt(text, at)));
        let drawn = ["\u{1b}]0;", "\u{7}", "FORGED line\r\n"];
        for (at, c) in text.char_indices() {
            // A program that draws says where by escape sequences.
            let allowed = c == '\n' || self == Self::Drawn && matches!(c, '\u{1b}' | '\r' | '\u{7}');
            if !allowed && (c.is_control() || is_invisible(c)) {
                found("a raw character", &text[at..]);
                break;
            }
        }
        if self == Self::Drawn {
            drawn.iter().filter_map(|at| text.find(at)).for_each(|at| found("a command", &text[at..]));
        }
        if let Some(at) = text.find("\nFORGED").filter(|_| self != Self::Drawn) {
            found("a line of its own", &text[at..]);
        }
        match self {
            Self::Text | Self::Drawn | Self::Perfetto => {}
            Self::Json => drop(
                serde_json::from_str::<serde_json::Value>(text)
                    .map_err(|error| found(&error.to_string(), text)),
            ),
            Self::JsonLines => {
                let broken =
                    text.lines().filter(|line| serde_json::from_str::<serde_json::Value>(line).is_err());
                broken.for_each(|line| found("no JSON", line));
            }
            Self::Markdown => markdown(text, &mut found),
            Self::Csv => csv(text, &mut found),
            Self::Svg => svg(text, &mut found),
            Self::Html => html(text, &mut found),
        }
        harm
    }
}

/// Text that is hidden, or that makes what is around it look like another text.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

fn markdown(text: &str, found: &mut dyn FnMut(&str, &str)) {
    for event in Parser::new_ext(text, Options::all()) {
        match event {
            Event::Html(html) | Event::InlineHtml(html) => found("markup", &html),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                found("a link", &dest_url)
            }
            Event::Text(text) if text.contains("@everyone") => {
                // Text of a code span is another event.
                found("a mention", &text);
            }
            _ => {}
        }
    }
}

fn csv(text: &str, found: &mut dyn FnMut(&str, &str)) {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    for record in reader.records() {
        match record {
            Ok(record) => {
                let formula = |cell: &&str| {
                    cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err()
                };
                record.iter().filter(formula).for_each(|cell| found("a formula", cell));
            }
            Err(error) => found("no CSV", &error.to_string()),
        }
    }
}

fn svg(text: &str, found: &mut dyn FnMut(&str, &str)) {
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    match roxmltree::Document::parse_with_options(text, options) {
        Ok(document) => {
            let known = [
                "svg",
                "style",
                "rect",
                "text",
                "path",
                "g",
                "tspan",
                "defs",
                "linearGradient",
                "stop",
                "title",
            ];
            // A flame graph's own script has no names in it.
            let own = |node: &roxmltree::Node<'_, '_>| {
                node.has_tag_name(("http://www.w3.org/2000/svg", "script"))
                    && !node.text().is_some_and(|text| text.contains("alert"))
            };
            let elements = document.descendants().filter(roxmltree::Node::is_element);
            elements
                .filter(|node| !own(node))
                .map(|node| node.tag_name().name().to_owned())
                .filter(|name| !known.contains(&name.as_str()))
                .for_each(|name| found("an element", &name));
        }
        Err(error) => found("no XML", &error.to_string()),
    }
}

/// The page of a report, which has three scripts and no element of these.
fn html(text: &str, found: &mut dyn FnMut(&str, &str)) {
    for element in ["<img", "<b>", "<b "] {
        text.find(element).into_iter().for_each(|at| found("an element", &text[at..]));
    }
    if let Some((at, _)) = text.match_indices("</script").nth(3) {
        found("the end of a script", &text[at..]);
    }
}

/// The text around a place in it; or, of another text, its beginning.
fn excerpt<'a>(text: &'a str, at: &'a str) -> String {
    let start = (at.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    if start >= text.len() {
        return at.chars().take(100).collect();
    }
    let from = text.floor_char_boundary(start.saturating_sub(60));
    text[from..].chars().take(120).collect()
}

#[test]
fn every_danger_is_found_where_it_does_harm() {
    let all = [
        Kind::Text,
        Kind::Drawn,
        Kind::Json,
        Kind::JsonLines,
        Kind::Markdown,
        Kind::Csv,
        Kind::Svg,
        Kind::Html,
    ];
    for kind in all {
        for piece in &PIECES[..5] {
            assert!(!kind.harm(&format!("a line\nF01{piece}\r\n")).is_empty(), "{kind:?} {piece:?}");
        }
    }
    assert!(!Kind::Markdown.harm(PIECES[5]).is_empty() && !Kind::Markdown.harm(PIECES[7]).is_empty());
    assert!(Kind::Markdown.harm("`</script> [a](b) @everyone`").is_empty());
    assert!(!Kind::Csv.harm("a,=1+1").is_empty() && Kind::Csv.harm("a,-1.5,'=1+1").is_empty());
    let svg = |inside: &str| format!("<svg xmlns=\"http://www.w3.org/2000/svg\"><text>{inside}</text></svg>");
    assert!(
        !Kind::Svg.harm(&svg(PIECES[5])).is_empty() && !Kind::Svg.harm(&svg("<img src=\"x\"/>")).is_empty()
    );
    assert!(Kind::Svg.harm(&svg("&lt;img&gt;")).is_empty());
    assert!(!Kind::Html.harm(PIECES[5]).is_empty() && !Kind::Html.harm(PIECES[6]).is_empty());
    assert!(!Kind::Html.harm(&"</script>".repeat(4)).is_empty());
}
