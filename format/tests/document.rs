//! Holds `docs/format.md` against the constants of this crate.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;

use memtrace_format::{
    CHUNK_BYTES, CLOSING_OFFSET, DropCause, FIRST_CHUNK_OFFSET, Field, FileHeader, HostMemory, Kind,
    MemoryKind, Reason, Record, Tier, Unit, chunk, closing, definition, header,
};

const DOCUMENT: &str = include_str!("../../docs/format.md");

/// The rows of the table behind `<!-- table: name -->`, each split into its cells.
fn table(name: &str) -> Vec<Vec<&'static str>> {
    let marker = format!("<!-- table: {name} -->\n");
    let (_, rest) = DOCUMENT.split_once(&marker).unwrap_or_else(|| panic!("no table {name}"));
    rest.lines()
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

fn assert_fields(name: &str, fields: &[(&str, Field)]) {
    let drawn: Vec<(String, usize, usize)> = table(name)
        .iter()
        .map(|row| (row[2].to_owned(), row[0].parse().unwrap(), row[1].parse().unwrap()))
        .collect();
    let actual: Vec<(String, usize, usize)> =
        fields.iter().map(|(name, field)| ((*name).to_owned(), field.offset, field.length)).collect();
    assert_eq!(drawn, actual, "table {name}");
}

macro_rules! fields {
    ($module:path: $($name:ident)*) => {{
        use $module as field;
        [$((stringify!($name), field::$name)),*]
    }};
}

#[test]
fn structures_lie_where_the_document_draws_them() {
    assert_fields(
        "header",
        &fields!(header::field: MAGIC MAJOR MINOR HEADER_BYTES INCOMPATIBLE COMPATIBLE SESSION BOOT PID CHUNK_BYTES
            SCHEMA_HASH CLOCK RESERVED CALIBRATION CRC),
    );
    assert_fields(
        "closing",
        &fields!(closing::field: MAGIC ENDING RESERVED SESSION CALIBRATION DROPS TEXT_BYTES TEXT CRC),
    );
    assert_fields(
        "chunk",
        &fields!(chunk::field: MAGIC KIND FLAGS HEADER_BYTES SESSION SEQUENCE THREAD RESERVED_2 THREAD_SEQUENCE
            BASE_TIME CALIBRATION DROPS LENGTH CRC),
    );
    assert_fields("definition", &fields!(definition::field: LENGTH KIND RESERVED ID CRC));
}

#[test]
fn a_records_fields_lie_where_the_document_draws_them() {
    use memtrace_format::{Ticks, Word};
    let word = Word::new(0xd0c0_b0a0, 0xf0e0, Kind::Extension, 0x11);
    let bytes = Record::new(Ticks(0x0102_0304_0506_0708), 0x1112_1314_1516_1718, 0x2122_2324_2526_2728, word)
        .to_bytes();
    let field = |name: &str| {
        let table = table("record");
        let row = table.iter().find(|row| row[2] == name).unwrap_or_else(|| panic!("no field {name}"));
        let (offset, length): (usize, usize) = (row[0].parse().unwrap(), row[1].parse().unwrap());
        bytes[offset..offset + length].iter().rev().fold(0_u64, |number, &byte| number << 8 | u64::from(byte))
    };
    assert_eq!(field("TIME"), 0x0102_0304_0506_0708);
    assert_eq!(field("VALUE"), 0x1112_1314_1516_1718);
    assert_eq!(field("SIZE"), 0x2122_2324_2526_2728);
    assert_eq!(field("ID"), 0xd0c0_b0a0);
    assert_eq!(field("POOL"), 0xf0e0);
    assert_eq!(field("KIND"), u64::from(Kind::Extension as u8));
    assert_eq!(field("FLAGS"), 0x11);
}

#[test]
fn the_kinds_are_those_of_the_document() {
    let drawn: Vec<(u8, &str)> = table("kinds").iter().map(|row| (row[0].parse().unwrap(), row[1])).collect();
    let actual: Vec<(u8, &str)> = Kind::ALL.iter().map(|&kind| (kind as u8, kind.name())).collect();
    assert_eq!(drawn, actual);
}

#[test]
fn the_well_known_names_are_those_of_the_document() {
    use memtrace_format::well_known;
    let drawn: Vec<(&str, &str)> =
        table("names").iter().map(|row| (row[0].split('`').nth(1).unwrap(), row[1])).collect();
    let actual = [
        (well_known::WEIGHTS_PHASE, "phase"),
        (well_known::PROFILE_PHASE, "phase"),
        (well_known::RELEASED_MARK, "mark"),
        (well_known::ALLOCATOR_SETTING, "mark"),
        (well_known::IMPORT_NOTE, "mark"),
        (well_known::OTHER_PROCESS, "counter"),
    ];
    assert_eq!(drawn, actual);
}

#[test]
fn the_schema_is_that_of_the_document() {
    let (_, rest) = DOCUMENT.split_once("<!-- schema -->\n```text\n").unwrap();
    let (drawn, _) = rest.split_once("```").unwrap();
    assert_eq!(drawn, definition::SCHEMA);
}

/// Sentences that list the numbers of an enum.
#[test]
fn the_lists_of_numbers_are_those_of_the_document() {
    fn list<T: Copy>(all: &[T], number: impl Fn(T) -> u8, name: impl Fn(T) -> &'static str) -> String {
        let mut text = String::new();
        for &value in all {
            let separator = if text.is_empty() { "" } else { ", " };
            write!(text, "{separator}{} {}", number(value), name(value)).unwrap();
        }
        text
    }
    let tiers = [Tier::Unknown, Tier::Disk, Tier::Host, Tier::Pinned];
    let tiers: Vec<String> = tiers.iter().map(|tier| format!("{} {tier}", tier.encode())).collect();
    let sentences = [
        format!(
            "Causes of loss, in the order of their counts: {}.",
            list(DropCause::ALL, |c| c as u8, DropCause::name)
        ),
        format!("Tiers: {}, {:#x} + n device n.", tiers.join(", "), Tier::Device(0).encode()),
        format!("Host memory: {}.", list(HostMemory::ALL, |m| m as u8, HostMemory::name)),
        format!("Reasons: {}.", list(Reason::ALL, |r| r as u8, Reason::name)),
        format!("Kinds of memory: {}.", list(MemoryKind::ALL, |k| k as u8, MemoryKind::name)),
        format!("Units: {}.", list(Unit::ALL, |u| u as u8, Unit::name)),
    ];
    for sentence in sentences {
        assert!(DOCUMENT.contains(&sentence), "docs/format.md does not say: {sentence}");
    }
}

#[test]
fn the_picture_has_the_offsets_of_the_constants() {
    assert_eq!(
        (FileHeader::BYTES, CLOSING_OFFSET, FIRST_CHUNK_OFFSET, CHUNK_BYTES),
        (4096, 4096, 8192, 64 << 10)
    );
    assert!(DOCUMENT.contains("offset 0        4096          8192            8192 + 64 KiB"));
    let magic: Vec<String> = header::MAGIC.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(DOCUMENT.contains(&format!("`{}`", magic.join(" "))));
}
