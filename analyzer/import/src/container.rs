//! What recordings come in: compressed files, archives, and pages for a browser that carry one.
//!
//! Each layer is taken off into a temporary file without a name, for recordings are read here and there.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek as _, Write},
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::read::MultiGzDecoder;
use memtrace_analysis::{ReadError, RegularFile};
use thiserror::Error;
use zip::{CompressionMethod, ZipArchive, result::ZipError};

use super::{ImportError, recognize};

/// The most layers around a recording.
const LAYERS: usize = 4;

/// What `memtrace pack` calls its entry. Such an archive is a trace as it is.
const PACKED: &str = ".packed";

/// The least characters of a snapshot in a page.
const SNAPSHOT_CHARACTERS: usize = 64;

/// Decoded at a time: a whole number of quanta.
const PIECE: usize = 1 << 16;

/// Something that a recording can be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    Gzip,
    Zip,
    /// A page for a browser.
    Page,
}

/// Why a recording cannot be taken out of what it is in.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ContainerError {
    /// It cannot be decompressed.
    #[error("it is compressed with gzip, and cannot be decompressed: {0}")]
    Gzip(#[source] io::Error),
    /// It is no archive, or a damaged one.
    #[error("it is an archive, and cannot be read: {0}")]
    Zip(#[from] ZipError),
    /// There is nothing in the archive that can be opened.
    #[error("it is an archive of {0} files, none of them a recording")]
    NoEntry(usize),
    /// There is more than one.
    #[error("it is an archive of several recordings: {0}")]
    Entries(String),
    /// There is no snapshot in the page.
    #[error("it is a page for a browser, and carries no memory snapshot")]
    NoSnapshot,
    /// Archives in archives.
    #[error("it is an archive in an archive, more than {LAYERS} times")]
    Layers,
}

/// A recording, as it is or taken out of what it was in.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: File,
    pub(super) length: u64,
    path: PathBuf,
    taken_out: bool,
}

impl Source {
    /// Opens the recording in the file at `path`.
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let file = RegularFile::open(path)?;
        let length = file.bytes();
        let mut source = Self { file: file.into_file(), length, path: path.to_owned(), taken_out: false };
        for _ in 0..LAYERS {
            let Some(container) = recognize::container(&source.file)? else { return Ok(source) };
            let Some(inside) = source.take_out(container)? else { return Ok(source) };
            source = inside;
        }
        match recognize::container(&source.file)? {
            None => Ok(source),
            Some(_) => Err(ContainerError::Layers.into()),
        }
    }

    /// Whether it was in something else.
    pub(super) fn was_taken_out(&self) -> bool {
        self.taken_out
    }

    /// A path by which this process can open it.
    pub(super) fn path(&self) -> PathBuf {
        if self.taken_out {
            format!("/proc/self/fd/{}", self.file.as_raw_fd()).into()
        } else {
            self.path.clone()
        }
    }

    /// What is in it. None if it is a trace as it is.
    fn take_out(&self, container: Container) -> Result<Option<Self>, ImportError> {
        let mut file = self.file.try_clone().map_err(unreadable)?;
        file.rewind().map_err(unreadable)?;
        let mut inside = Inside::begin()?;
        match container {
            Container::Gzip => {
                inside.copy(MultiGzDecoder::new(BufReader::new(file)), ContainerError::Gzip)?
            }
            Container::Zip => {
                let Some(entry) = entry(&file)? else { return Ok(None) };
                let mut archive = ZipArchive::new(BufReader::new(file)).map_err(ContainerError::Zip)?;
                let entry = archive.by_index(entry).map_err(ContainerError::Zip)?;
                inside.copy(entry, |error| ContainerError::Zip(ZipError::Io(error)))?;
            }
            Container::Page => snapshot_of_page(file, self.length, &mut inside)?,
        }
        inside.finish().map(Some)
    }
}

/// What is taken out, while it is.
struct Inside(BufWriter<File>);

impl Inside {
    fn begin() -> Result<Self, ImportError> {
        Ok(Self(BufWriter::new(tempfile::tempfile().map_err(no_room)?)))
    }

    fn copy(
        &mut self,
        mut from: impl Read,
        failure: impl FnOnce(io::Error) -> ContainerError,
    ) -> Result<(), ImportError> {
        let mut buffer = vec![0; PIECE];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(have) => self.write(&buffer[..have])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failure(error).into()),
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), ImportError> {
        self.0.write_all(bytes).map_err(no_room)
    }

    fn finish(self) -> Result<Source, ImportError> {
        let mut file = self.0.into_inner().map_err(|error| no_room(error.into_error()))?;
        file.rewind().map_err(no_room)?;
        let length = file.metadata().map_err(no_room)?.len();
        Ok(Source { file, length, path: PathBuf::new(), taken_out: true })
    }
}

/// The entry of an archive that can be opened. None if the archive is a trace as it is, or one whose end is missing: a packed
/// trace is read as far as it goes.
fn entry(file: &File) -> Result<Option<usize>, ImportError> {
    let file = file.try_clone().map_err(unreadable)?;
    let Ok(mut archive) = ZipArchive::new(BufReader::new(file)) else { return Ok(None) };
    let mut found = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(ContainerError::Zip)?;
        let name = entry.name().map_err(ContainerError::Zip)?.into_owned();
        if name.ends_with(PACKED) && entry.compression() == CompressionMethod::Stored {
            return Ok(None);
        }
        let mut beginning = Vec::new();
        let read = entry.by_ref().take(recognize::BEGINNING as u64).read_to_end(&mut beginning);
        if entry.is_file() && read.is_ok() && recognize::opens(&beginning) {
            found.push((index, name));
        }
    }
    match &found[..] {
        [(index, _)] => Ok(Some(*index)),
        [] => Err(ContainerError::NoEntry(archive.len()).into()),
        several => {
            let names: Vec<&str> = several.iter().map(|(_, name)| name.as_str()).collect();
            Err(ContainerError::Entries(names.join(", ")).into())
        }
    }
}

/// Writes the snapshot that PyTorch's viewer put into its page: a pickle in base64, between quotes.
fn snapshot_of_page(mut file: File, length: u64, inside: &mut Inside) -> Result<(), ImportError> {
    let mut page = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.read_to_end(&mut page).map_err(unreadable)?;
    let text = encoded_pickle(&page).ok_or(ContainerError::NoSnapshot)?;
    let mut decoded = vec![0; PIECE];
    for piece in text.chunks(PIECE) {
        let length = STANDARD.decode_slice(piece, &mut decoded).map_err(|_| ContainerError::NoSnapshot)?;
        inside.write(&decoded[..length])?;
    }
    Ok(())
}

/// The first long run of base64 that begins as a pickle of protocol 2 to 5 does.
fn encoded_pickle(page: &[u8]) -> Option<&[u8]> {
    let is_quote = |byte: u8| matches!(byte, b'"' | b'\'' | b'`' | b',');
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let mut starts = page.windows(4).enumerate();
    loop {
        let (before, _) = starts.find(|(_, window)| {
            is_quote(window[0]) && window[1..3] == *b"gA" && (b'I'..=b'X').contains(&window[3])
        })?;
        let text = &page[before + 1..];
        let text = &text[..text.iter().position(|byte| !is_digit(byte)).unwrap_or(text.len())];
        if text.len() >= SNAPSHOT_CHARACTERS {
            return Some(text);
        }
    }
}

fn no_room(source: io::Error) -> ImportError {
    ImportError::NoRoom { folder: std::env::temp_dir(), source }
}

fn unreadable(source: io::Error) -> ImportError {
    ReadError::Read { offset: 0, length: PIECE, source }.into()
}
