//! Tables as CSV, read by a reader of CSV.

use std::collections::BTreeMap;

use memtrace_export::{Export, Format, Table};

use super::{exported, swapping};

/// The rows of a table, by the names of its columns.
fn rows(table: Table) -> Vec<BTreeMap<String, String>> {
    let text = exported(&swapping(), &Export::new(Format::Csv(table)));
    let mut reader = csv::Reader::from_reader(&text[..]);
    assert_eq!(reader.headers().unwrap(), &csv::StringRecord::from_iter(table.columns()));
    reader.deserialize().map(|row| row.unwrap()).collect()
}

#[test]
fn the_table_of_events_has_what_each_led_to() {
    let rows = rows(Table::Events);
    let of = |kind: &str| rows.iter().filter(|row| row["kind"] == kind).collect::<Vec<_>>();
    let [_, host, second] = &of("block alloc")[..] else { panic!("three allocs") };
    assert_eq!(
        [&second["module"], &second["scope"], &second["bytes"]],
        ["unet", "job / step\\u{a}</script>", "2048"]
    );
    assert_eq!([&second["heap_allocated_bytes"], &second["heap_reserved_bytes"]], ["6144", "32768"]);
    assert_eq!(second["address"], "0x101000");
    assert_eq!([&host["heap"], &host["heap_reserved_bytes"]], ["host", ""]);
    assert_eq!(host["thread"], "evil\\u{1b}]0;\\u{202e}</script>\"");
    // A free tells neither how long the block was nor whose; the replay does.
    assert_eq!([&of("block free")[0]["bytes"], &of("block free")[0]["module"]], ["2048", "unet"]);
    let failed = of("out of memory")[0];
    assert_eq!([&failed["bytes"], &failed["device_free_bytes"]], ["1048576", "77"]);
    let evicted = of("transfer begin")[1];
    assert_eq!([&evicted["from"], &evicted["to"], &evicted["reason"]], ["device:0", "host", "demand"]);
    assert_eq!(of("mark")[0]["value"], "7");
    // No spreadsheet takes a name for a formula.
    assert!(rows.iter().any(|row| row["module"] == "'=vae;x"));
    assert!(
        rows.iter()
            .flat_map(BTreeMap::values)
            .all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r']))
    );
}

#[test]
fn the_tables_of_samples_and_modules_have_their_figures() {
    let samples = rows(Table::Samples);
    let told: Vec<_> =
        samples.iter().map(|row| [&row["time_ns"], &row["counter"], &row["device"], &row["value"]]).collect();
    assert_eq!(told, [["34", "driver free", "0", "5000"], ["35", "driver free", "0", "0.5"]]);
    assert_eq!(samples[0]["unit"], "bytes");
    let modules = rows(Table::Modules);
    let told: Vec<_> = modules
        .iter()
        .map(|row| {
            [
                &row["name"],
                &row["bytes"],
                &row["forwards"],
                &row["loads"],
                &row["evictions"],
                &row["transfer_bytes"],
            ]
        })
        .collect();
    assert_eq!(told, [["unet", "3000", "1", "1", "1", "6000"], ["'=vae;x", "2000", "0", "1", "0", "2000"]]);
}

/// The document names every column of every table, in their order.
#[test]
fn the_document_has_every_column() {
    let document = include_str!("../../../../docs/export.md");
    for (table, title) in
        [(Table::Events, "### Events"), (Table::Samples, "### Samples"), (Table::Modules, "### Modules")]
    {
        let part = document.split_once(title).expect(title).1;
        let part = part.split("\n##").next().unwrap();
        let named: Vec<&str> = part
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name))
            .collect();
        assert_eq!(named, table.columns().collect::<Vec<_>>(), "{title}");
    }
}
