//! `docs/keys.md` is made from the key table: this holds it.

use std::fmt::Write as _;

use super::{
    keys::{BINDINGS, Binding, Group, Key},
    page::Page,
    views,
};

/// Returns the document as the key table makes it.
fn document() -> String {
    let mut text = String::from(
        "# Keys of `memtrace analyze`\n\n\
         Made from the key table; `UPDATE=1 cargo test -p memtrace-tui --lib keys_document` writes it anew. `?` shows the same in the\n\
         program, and `:` finds any of it by a few letters.\n",
    );
    for group in Group::ALL {
        let bindings = BINDINGS.iter().filter(|binding| binding.group == group);
        let mut rows: Vec<String> = bindings.map(row).collect();
        if group == Group::Screen {
            let pages = Page::ALL.into_iter().map(|page| {
                format!("| `{}` | {}: {} |", page.digit(), page.name().to_lowercase(), page.says())
            });
            rows.splice(0..0, pages);
        }
        table(&mut text, group.name(), rows);
    }
    for page in Page::ALL {
        let own = views::build(page).keys().iter().map(row).collect();
        table(&mut text, &format!("Only in {}", page.name()), own);
    }
    text.push_str(
        "\n## Mouse\n\n\
         A click sets the cursor where time is drawn, selects a row, opens the selected one, and shows the view of a tab. The wheel zooms\n\
         where it points, and scrolls where there is no time. Dragging over time chooses a range; `Esc` gives it up.\n",
    );
    text
}

fn table(text: &mut String, name: &str, rows: Vec<String>) {
    if !rows.is_empty() {
        let rows = rows.join("\n");
        write!(text, "\n## {name}\n\n| keys | |\n| --- | --- |\n{rows}\n").expect("a text takes more text");
    }
}

fn row(binding: &Binding) -> String {
    let keys: Vec<String> = binding.keys.iter().map(|key| format!("`{}`", Key::label(*key))).collect();
    format!("| {} | {} |", keys.join(" "), binding.says.replace('|', "\\|"))
}

#[test]
fn the_document_says_what_the_keys_do() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/keys.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, document()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, document(), "run it with UPDATE=1");
}
