//! JSON that is safe to print: what a terminal could take for a command is written as an escape.

use std::io;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

use crate::text::is_unsafe;

/// Writes `value` as indented JSON that means exactly what `serde_json` would write, and ends the line.
///
/// # Errors
///
/// The writer's.
pub fn write_json(value: &impl Serialize, writer: impl io::Write) -> io::Result<()> {
    write(value, writer, PrettyFormatter::with_indent(b" "))
}

/// As [`write_json`], and all of it on one line.
///
/// # Errors
///
/// The writer's.
pub fn write_json_line(value: &impl Serialize, writer: impl io::Write) -> io::Result<()> {
    write(value, writer, CompactFormatter)
}

fn write(value: &impl Serialize, mut writer: impl io::Write, layout: impl Formatter) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut writer, Escaping(layout)))?;
    writer.write_all(b"\n")
}

struct Escaping<F>(F);

impl<F: Formatter> Formatter for Escaping<F> {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_unsafe(*c)) {
            writer.write_all(&rest.as_bytes()[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Text;

    #[test]
    fn hostile_text_is_escaped_and_read_back_unchanged() {
        let hostile = "a\u{1b}[2J\u{9b}1m\u{202e}\"\\\n\u{e0041}ü";
        for (pretty, lines) in [(true, 3), (false, 1)] {
            let mut written = Vec::new();
            let value = [Text::new(hostile)];
            if pretty { write_json(&value, &mut written) } else { write_json_line(&value, &mut written) }
                .unwrap();
            let written = String::from_utf8(written).unwrap();
            assert_eq!(written.matches('\n').count(), lines);
            assert!(!written.replace('\n', "").chars().any(is_unsafe), "{written:?}");
            let read: Vec<String> = serde_json::from_str(&written).unwrap();
            assert_eq!(read, [hostile]);
        }
    }
}
