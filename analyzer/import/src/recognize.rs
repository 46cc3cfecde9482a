//! Recognizes the format of a file by its first bytes.

use std::{fmt, fs::File, io, os::unix::fs::FileExt as _};

use memtrace_analysis::ReadError;
use memtrace_format::header::MAGIC;

use super::{ImportError, container::Container, rmm};

/// A recording of another program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForeignFormat {
    /// A PyTorch memory snapshot: a pickle.
    PyTorch,
    /// A trace of PyTorch's profiler, in Chrome's form: JSON.
    Profiler,
    /// The raw memory timeline of PyTorch's profiler: JSON.
    MemoryTimeline,
    /// A device memory profile of JAX: a protocol buffer.
    Jax,
    /// An RMM log: comma-separated values.
    Rmm,
    /// An export of Nsight Systems: a SQLite database.
    Nsight,
}

impl fmt::Display for ForeignFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PyTorch => "PyTorch memory snapshot",
            Self::Profiler => "PyTorch profiler trace",
            Self::MemoryTimeline => "PyTorch memory timeline",
            Self::Jax => "JAX memory profile",
            Self::Rmm => "RMM log",
            Self::Nsight => "Nsight Systems export",
        })
    }
}

/// A file of another program that has no recording in it that could be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnreadFile {
    /// What `RMM_LOG_FILE` names.
    RmmDebugLog,
    /// A trace of Perfetto.
    Perfetto,
    /// A recording of memray.
    Memray,
    /// A recording of heaptrack.
    Heaptrack,
    /// Something compressed with zstd.
    Zstd,
    /// Something compressed with xz or bzip2.
    Compressed,
}

impl UnreadFile {
    /// What would help.
    pub fn advice(self) -> &'static str {
        match self {
            Self::RmmDebugLog => {
                "record the log of allocations: rmm.enable_logging(log_file_name=\"rmm.csv\"), or rmm::mr::logging_resource_adaptor in C++"
            }
            Self::Perfetto => {
                "open it at ui.perfetto.dev; memtrace writes such files (`memtrace export --to perfetto`) and reads the trace they were made of"
            }
            Self::Memray => {
                "`memray stats` and `memray flamegraph` read it; `memtrace record -- python …` records the host and the devices"
            }
            Self::Heaptrack => {
                "`heaptrack_print` and `heaptrack_gui` read it; `memtrace record -- PROGRAM` records the host and the devices"
            }
            Self::Zstd => "decompress it first: unzstd FILE",
            Self::Compressed => "decompress it first: unxz or bunzip2 FILE",
        }
    }
}

impl fmt::Display for UnreadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RmmDebugLog => "it is RMM's debug log, which says what failed and not what was allocated",
            Self::Perfetto => "it is a Perfetto trace, which memtrace writes and does not read",
            Self::Memray => "it is a recording of memray",
            Self::Heaptrack => "it is a recording of heaptrack",
            Self::Zstd => "it is compressed with zstd",
            Self::Compressed => "it is compressed with xz or bzip2",
        })
    }
}

/// So many bytes tell every format.
pub(super) const BEGINNING: usize = 4096;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Container(Container),
    Recording(ForeignFormat),
    Unread(UnreadFile),
}

/// What an opened file is a container of.
pub(super) fn container(file: &File) -> Result<Option<Container>, ImportError> {
    Ok(match kind(&beginning(file)?) {
        Some(Kind::Container(container)) => Some(container),
        _ => None,
    })
}

/// The format of an opened file. `None`: none that this program imports.
pub(super) fn format(file: &File) -> Result<Option<ForeignFormat>, ImportError> {
    match kind(&beginning(file)?) {
        Some(Kind::Recording(format)) => Ok(Some(format)),
        Some(Kind::Unread(other)) => Err(ImportError::Unread(other)),
        Some(Kind::Container(_)) | None => Ok(None),
    }
}

/// Whether a file that begins like this can be opened.
pub(super) fn opens(beginning: &[u8]) -> bool {
    beginning.starts_with(&MAGIC)
        || matches!(
            kind(beginning),
            Some(Kind::Recording(_) | Kind::Container(Container::Gzip | Container::Zip))
        )
}

fn beginning(file: &File) -> Result<Vec<u8>, ImportError> {
    let mut bytes = vec![0; BEGINNING];
    let mut have = 0;
    while have < bytes.len() {
        match file.read_at(&mut bytes[have..], have as u64) {
            Ok(0) => break,
            Ok(more) => have += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(ReadError::Read { offset: 0, length: BEGINNING, source }.into()),
        }
    }
    bytes.truncate(have);
    Ok(bytes)
}

fn kind(beginning: &[u8]) -> Option<Kind> {
    let begins = |with: &[u8]| beginning.starts_with(with);
    Some(match beginning {
        [0x1f, 0x8b, ..] => Kind::Container(Container::Gzip),
        _ if begins(b"PK\x03\x04") => Kind::Container(Container::Zip),
        _ if begins(&[0x28, 0xb5, 0x2f, 0xfd]) => Kind::Unread(UnreadFile::Zstd),
        _ if begins(b"\xfd7zXZ\0") || begins(b"BZh") => Kind::Unread(UnreadFile::Compressed),
        // The opcode that says which protocol a pickle has.
        [0x80, 2..=u8::MAX, ..] => Kind::Recording(ForeignFormat::PyTorch),
        _ if begins(rmm::HEADER) => Kind::Recording(ForeignFormat::Rmm),
        _ if begins(b"SQLite format 3\0") => Kind::Recording(ForeignFormat::Nsight),
        _ if begins(b"memray\0") => Kind::Unread(UnreadFile::Memray),
        _ => match words(beginning) {
            Some(words) => text(words)?,
            None => message(beginning)?,
        },
    })
}

/// The beginning of a text; what is cut off at its end may be the first bytes of a character.
fn words(beginning: &[u8]) -> Option<&str> {
    let words = match std::str::from_utf8(beginning) {
        Ok(words) => words,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&beginning[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let is_control = |byte: u8| byte < b'\t';
    (!words.bytes().any(is_control)).then_some(words)
}

/// A protocol buffer whose first field is a message: what a profile begins with says a type and a unit, by two numbers; a packet
/// of Perfetto's is longer.
fn message(beginning: &[u8]) -> Option<Kind> {
    match beginning {
        [0x0a, 2..=22, 0x08, _, 0x10, ..] => Some(Kind::Recording(ForeignFormat::Jax)),
        [0x0a, 0x80..=u8::MAX, ..] | [0x0a, _, 0x08..=u8::MAX, ..] => {
            Some(Kind::Unread(UnreadFile::Perfetto))
        }
        _ => None,
    }
}

fn text(beginning: &str) -> Option<Kind> {
    let text = beginning.trim_start_matches('\u{feff}').trim_start();
    let begins = |with: &str| text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    if begins("<!doctype html") || begins("<html") {
        return Some(Kind::Container(Container::Page));
    }
    if text.starts_with('{') {
        return Some(Kind::Recording(ForeignFormat::Profiler));
    }
    let is_rmm = |line: &str| line.contains("RMM LOG BEGIN") || line.contains("[A][Stream ");
    if text.lines().any(is_rmm) {
        return Some(Kind::Unread(UnreadFile::RmmDebugLog));
    }
    if let Some(items) = text.strip_prefix('[') {
        return Some(Kind::Recording(match items.trim_start().chars().next()? {
            '{' => ForeignFormat::Profiler,
            '[' => ForeignFormat::MemoryTimeline,
            _ => return None,
        }));
    }
    // Its version, and the program: v 10400 3, then x and a path.
    let mut lines = text.lines();
    let is_version =
        lines.next()?.strip_prefix("v ")?.split(' ').all(|word| u32::from_str_radix(word, 16).is_ok());
    let is_program = lines.next().is_some_and(|line| line.starts_with("x ") || line.starts_with("X "));
    (is_version && is_program).then_some(Kind::Unread(UnreadFile::Heaptrack))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_what_is_in_them() {
        let recording = |format| Some(Kind::Recording(format));
        let unread = |file| Some(Kind::Unread(file));
        for (beginning, expected) in [
            (&b"\x1f\x8b\x08\0"[..], Some(Kind::Container(Container::Gzip))),
            (b"PK\x03\x04", Some(Kind::Container(Container::Zip))),
            (b"\n<!DOCTYPE html>\n<html>", Some(Kind::Container(Container::Page))),
            (b"\x80\x04\x95", recording(ForeignFormat::PyTorch)),
            (b"{\n \"schemaVersion\": 1", recording(ForeignFormat::Profiler)),
            (b" [ {\"ph\"", recording(ForeignFormat::Profiler)),
            (b"[[-1, 1, 512, 7], [", recording(ForeignFormat::MemoryTimeline)),
            (b"\x0a\x04\x08\x01\x10\x02\x0a\x04", recording(ForeignFormat::Jax)),
            (b"SQLite format 3\0", recording(ForeignFormat::Nsight)),
            (b"\x0a\x12\x40\x92\xa3", unread(UnreadFile::Perfetto)),
            (b"\x0a\xa0\x01\x32\x12", unread(UnreadFile::Perfetto)),
            (b"\x0a\xa0\x01\x92\x12", unread(UnreadFile::Perfetto)),
            (b"memray\0\x0b", unread(UnreadFile::Memray)),
            (b"v 10400 3\nx /usr/bin/python3\n", unread(UnreadFile::Heaptrack)),
            (b"\n[7][16:47:00:093520][info  ] ----- RMM LOG BEGIN\n", unread(UnreadFile::RmmDebugLog)),
            (b"[7][16:47:00:093520][error ] [A][Stream 0x0][Upstream 9B]\n", unread(UnreadFile::RmmDebugLog)),
            (b"\n\xc3\xa9t\xc3\xa9", None),
            (b"\x28\xb5\x2f\xfd\x04", unread(UnreadFile::Zstd)),
            (b"v for vendetta\n", None),
            (b"plain words", None),
            (b"", None),
        ] {
            assert_eq!(kind(beginning), expected, "{}", String::from_utf8_lossy(beginning));
        }
    }
}
