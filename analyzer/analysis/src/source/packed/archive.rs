//! The ZIP archive around a packed log. The log is stored in it as it is, so that it can be read at any place.

use std::{
    io::{self, BufReader, Seek, SeekFrom, Write},
    path::Path,
};

use zip::{CompressionMethod, ZipArchive, ZipWriter, result::ZipError, write::SimpleFileOptions};

use crate::source::packed::frame::MAGIC;
use crate::source::{ReadError, RegularFile};

/// The first bytes of an archive that has an entry.
const ARCHIVE_MAGIC: [u8; 4] = *b"PK\x03\x04";

/// What entries with packed logs are called behind the name of the log.
const EXTENSION: &str = "packed";

/// So far into an archive without an end its first entry is looked for.
const FIRST_ENTRY: usize = 4096;

/// Whether a file that begins like this is an archive.
pub(crate) fn is_archive(beginning: &[u8]) -> bool {
    beginning.starts_with(&ARCHIVE_MAGIC)
}

/// An archive that is being written.
pub(crate) type Archive<W> = ZipWriter<Quiet<W>>;

/// Begins an archive with the entry for a packed log. What is written to it now is the entry.
pub(crate) fn begin<W: Write + Seek>(out: W, log: &str, log_bytes: u64) -> io::Result<Archive<W>> {
    let mut archive = ZipWriter::new(Quiet { out, has_failed: false });
    // Without times: the same log makes the same archive.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default())
        .large_file(log_bytes > u64::from(u32::MAX));
    archive.start_file(format!("{log}.{EXTENSION}"), options)?;
    Ok(archive)
}

/// Adds an entry of its own.
pub(crate) fn add<W: Write + Seek>(archive: &mut Archive<W>, name: &str, content: &[u8]) -> io::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default());
    archive.start_file(name, options)?;
    archive.write_all(content)
}

/// Ends it, and says how long it is.
pub(crate) fn end<W: Write + Seek>(archive: Archive<W>) -> io::Result<u64> {
    archive.finish()?.out.stream_position()
}

/// What an archive is written to. An archive that is dropped before its end tries to end itself, and says on stderr what keeps it
/// from that; what has failed once is said by whoever wrote, and so from then on what is written is passed over.
pub(crate) struct Quiet<W> {
    out: W,
    has_failed: bool,
}

impl<W: Write + Seek> Write for Quiet<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.has_failed {
            // The archive counts on being where it would be.
            self.out.seek_relative(bytes.len() as i64)?;
            return Ok(bytes.len());
        }
        let written = self.out.write(bytes);
        self.has_failed = written.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.has_failed { Ok(()) } else { self.out.flush() }
    }
}

impl<W: Seek> Seek for Quiet<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.out.seek(to)
    }
}

/// From where to where the packed log lies in an archive.
pub(crate) fn entry(file: &RegularFile) -> Result<(u64, u64), ReadError> {
    match listed(file) {
        Ok(Some(found)) => Ok(found),
        Ok(None) => {
            Err(ReadError::Packed("it is an archive without a packed log, or one that was compressed again"))
        }
        // The end of an archive says what is in it. An archive that lacks it still begins with its first entry.
        Err(_) => {
            let mut beginning = vec![0; FIRST_ENTRY];
            let have = file.read_up_to(0, &mut beginning)?;
            let at = beginning[..have].windows(MAGIC.len()).position(|bytes| *bytes == MAGIC);
            let at = at.ok_or(ReadError::Packed(
                "it is an archive whose end is missing, and it does not begin with a packed log",
            ))?;
            Ok((at as u64, file.bytes()))
        }
    }
}

/// The entry that begins like a packed log, by the list of what is in the archive.
fn listed(file: &RegularFile) -> Result<Option<(u64, u64)>, ZipError> {
    let mut archive = ZipArchive::new(BufReader::new(file.reader()?))?;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index)?;
        let packed = entry.compression() == CompressionMethod::Stored
            && Path::new(entry.name()?.as_ref()).extension().is_some_and(|extension| extension == EXTENSION);
        if let Some(from) = entry.data_start().filter(|_| packed) {
            return Ok(Some((from, from.saturating_add(entry.compressed_size()).min(file.bytes()))));
        }
    }
    Ok(None)
}
