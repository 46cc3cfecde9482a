//! Files made here: pickles and protocol buffers of a few values, compressed ones, archives and pages.

use std::io::{Cursor, Write as _};

use flate2::{Compression, write::GzEncoder};
use memtrace_analysis::report::{Finding, Report};
use memtrace_import::{ImportError, OpenError};
use serde_json::Value;
use zip::{ZipWriter, write::SimpleFileOptions};

/// The report of a file with these bytes.
pub(crate) fn report(bytes: &[u8]) -> Report {
    open(bytes).unwrap_or_else(|error| panic!("{error}"))
}

/// What is said of a file that cannot be opened.
pub(crate) fn refusal(bytes: &[u8]) -> ImportError {
    match open(bytes) {
        Err(OpenError::Import(error)) => error,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it opens"),
    }
}

fn open(bytes: &[u8]) -> Result<Report, OpenError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    Ok(memtrace_import::open_recording(file.path(), &mut |_, _| ())?.analyze(|_| ()).unwrap().report)
}

pub(crate) fn finding<'a>(report: &'a Report, id: &str) -> &'a Finding {
    report.findings.iter().find(|finding| finding.id == id).unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A pickle of protocol 4.
pub(crate) fn pickle(value: &Value) -> Vec<u8> {
    let mut bytes = vec![0x80, 4];
    push(&mut bytes, value);
    bytes.push(b'.');
    bytes
}

fn push(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => bytes.push(b'N'),
        Value::Bool(truth) => bytes.push(if *truth { 0x88 } else { 0x89 }),
        Value::Number(number) => {
            bytes.extend([0x8a, 8]);
            bytes.extend(number.as_i64().unwrap().to_le_bytes());
        }
        Value::String(text) => {
            bytes.push(b'X');
            bytes.extend((text.len() as u32).to_le_bytes());
            bytes.extend(text.bytes());
        }
        Value::Array(items) => {
            bytes.extend(b"](");
            items.iter().for_each(|item| push(bytes, item));
            bytes.push(b'e');
        }
        Value::Object(entries) => {
            bytes.extend(b"}(");
            for (key, value) in entries {
                push(bytes, &Value::String(key.clone()));
                push(bytes, value);
            }
            bytes.push(b'u');
        }
    }
}

/// A field of a protocol buffer that is a number.
pub(crate) fn number(field: u8, number: u64) -> Vec<u8> {
    let mut bytes = vec![field << 3];
    varint(&mut bytes, number);
    bytes
}

/// One that is bytes: a text, or a message of fields.
pub(crate) fn bytes(field: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![field << 3 | 2];
    varint(&mut bytes, content.len() as u64);
    bytes.extend(content);
    bytes
}

fn varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}
