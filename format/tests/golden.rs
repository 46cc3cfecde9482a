//! Every format version is readable for ever: `golden/NAME.trace` decodes to `golden/NAME.txt`.
//!
//! The recipe of each trace is `examples/golden_NAME.rs`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;

use memtrace_format::{
    CHUNK_BYTES, CLOSING_OFFSET, ChunkHeader, ChunkKind, Closing, Event, FIRST_CHUNK_OFFSET, FileHeader,
    Word, chunk, definitions,
};

#[test]
fn version_1_decodes_as_it_did_when_it_was_made() {
    let log = include_bytes!("golden/v1.trace");
    assert_eq!(decode(log), include_str!("golden/v1.txt"));
}

/// Kinds of events that came after the first golden log.
#[test]
fn a_block_that_gets_an_owner_decodes_as_it_did_when_it_was_made() {
    let log = include_bytes!("golden/v1_owned.trace");
    assert_eq!(decode(log), include_str!("golden/v1_owned.txt"));
}

/// Everything in the log, in words, by nothing but this crate's public functions.
fn decode(log: &[u8]) -> String {
    let mut text = String::new();
    let header = FileHeader::parse(log).expect("a header");
    let session = header.short_session();
    writeln!(text, "{header:?}").unwrap();
    writeln!(text, "{:?}", Closing::parse(&log[CLOSING_OFFSET..], session)).unwrap();
    for bytes in log[FIRST_CHUNK_OFFSET..].chunks_exact(CHUNK_BYTES) {
        let bytes = Aligned(bytes.try_into().unwrap());
        decode_chunk(&bytes.0, session, &mut text);
    }
    text
}

#[repr(align(16))]
struct Aligned([u8; CHUNK_BYTES]);

fn decode_chunk(bytes: &[u8; CHUNK_BYTES], session: u64, text: &mut String) {
    let header = ChunkHeader::parse(bytes.first_chunk().unwrap(), session).expect("a chunk of this session");
    writeln!(text, "{header:?}").unwrap();
    let Some(header) = header else { return };
    let body = chunk::checked_body(bytes, &header).expect("a sound chunk");
    if header.kind == ChunkKind::Definitions {
        for definition in definitions(body) {
            writeln!(text, "  {:?}", definition.expect("a sound definition")).unwrap();
        }
        return;
    }
    let places = chunk::record_places(bytes).expect("an aligned buffer");
    let mut records = places.iter().take_while(|record| record.word().is_committed());
    while let Some(record) = records.next() {
        let extension = (record.word().flags() & Word::EXTENDED != 0).then(|| records.next()).flatten();
        let event = Event::decode(record, extension).expect("an event of this version");
        writeln!(text, "  {} {event:?}", record.time().0).unwrap();
    }
}
