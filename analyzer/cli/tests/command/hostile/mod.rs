//! Text that would do harm, in every field that has text, through every output there is: none of it gets there as it is.
//!
//! A field is a line of [`Field::ALL`], an output one of [`outputs::LINES`]. `cargo test -p memtrace-analyzer --test command hostile --
//! --nocapture` prints which field was seen in which output.

mod danger;
mod fields;
mod outputs;
mod screens;

use std::collections::{BTreeMap, BTreeSet};

use fields::{Field, Folder, VARIANTS};

/// Where a field was seen, by the output's name.
type Seen = BTreeMap<&'static str, BTreeSet<Field>>;

#[test]
fn no_text_of_a_trace_does_harm_in_any_output() {
    let mut seen = Seen::new();
    let mut harm = Vec::new();
    for variant in 0..VARIANTS {
        let folder = Folder::new(variant);
        let printed = outputs::printed(&folder).into_iter().chain(screens::shown(&folder));
        for (output, kind, text) in printed {
            let fields = Field::ALL.iter().filter(|field| text.contains(&field.marker()));
            seen.entry(output).or_default().extend(fields);
            harm.extend(
                kind.harm(&text).into_iter().map(|harm| format!("{output} (variant {variant}): {harm}")),
            );
        }
    }
    print_table(&seen);
    assert!(harm.is_empty(), "{} dangers:\n{}", harm.len(), harm.join("\n"));
    let unseen: Vec<_> =
        Field::ALL.iter().filter(|field| seen.values().all(|fields| !fields.contains(field))).collect();
    assert!(unseen.is_empty(), "fields that no output shows test nothing: {unseen:?}");
    let empty: Vec<_> = outputs::names().filter(|output| seen[output].is_empty()).collect();
    assert!(empty.is_empty(), "outputs that show no field test nothing: {empty:?}");
}

fn print_table(seen: &Seen) {
    let width = seen.keys().map(|output| output.len()).max().unwrap_or(0);
    for (number, field) in Field::ALL.iter().enumerate() {
        println!("{:>2} {}", number + 1, field.what());
    }
    let numbers: String = (1..=Field::ALL.len()).map(|number| format!("{number:>3}")).collect();
    println!("{:width$}{numbers}", "");
    for (output, fields) in seen {
        let cells: String =
            Field::ALL.iter().map(|field| if fields.contains(field) { "  x" } else { "  ·" }).collect();
        println!("{output:width$}{cells}");
    }
}
