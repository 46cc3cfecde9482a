//! The ZIP archive around a packed log. The log is stored in it as it is, so that it can be read at any place.

use std::{
    io::{self, BufReader, Seek, Write},
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

/// Begins an archive with the entry for a packed log. What is written to it now is the entry.
pub(crate) fn begin<W: Write + Seek>(out: W, log: &str, log_bytes: u64) -> io::Result<ZipWriter<W>> {
    let mut archive = ZipWriter::new(out);
    // Without times: the same log makes the same archive.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default())
        .large_file(log_bytes > u64::from(u32::MAX));
    archive.start_file(format!("{log}.{EXTENSION}"), options)?;
    Ok(archive)
}

/// Adds an entry of its own.
pub(crate) fn add<W: Write + Seek>(archive: &mut ZipWriter<W>, name: &str, content: &[u8]) -> io::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default());
    archive.start_file(name, options)?;
    archive.write_all(content)
}

/// Ends it, and says how long it is.
pub(crate) fn end<W: Write + Seek>(archive: ZipWriter<W>) -> io::Result<u64> {
    archive.finish()?.stream_position()
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
