//! The open file: positioned reads, packed or not, and whether somebody still writes to it.

use std::{
    fs::{File, FileType, TryLockError},
    io::{self, Seek as _},
    os::unix::fs::{FileExt, FileTypeExt},
    path::Path,
};

use super::ReadError;
use crate::source::packed::PackedFile;

/// A log: a file as a tracer wrote it, or a packed one.
#[derive(Debug)]
pub(crate) enum LogFile {
    Plain(RegularFile),
    Packed(PackedFile),
}

impl LogFile {
    pub(super) fn of(file: RegularFile) -> Result<Self, ReadError> {
        Ok(match PackedFile::of(file)? {
            Ok(packed) => Self::Packed(packed),
            Err(plain) => Self::Plain(plain),
        })
    }

    /// The length of the log when it was opened.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Plain(file) => file.bytes(),
            Self::Packed(file) => file.bytes(),
        }
    }

    /// Fills `buffer` from `offset` on, as far as the log goes, and returns how far that is.
    pub(crate) fn read_up_to(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, ReadError> {
        match self {
            Self::Plain(file) => file.read_up_to(offset, buffer),
            Self::Packed(file) => file.read_up_to(offset, buffer),
        }
    }

    /// Whether a tracer still records into the file.
    pub(super) fn is_being_written(&self) -> bool {
        match self {
            Self::Plain(file) => file.is_being_written(),
            Self::Packed(_) => false,
        }
    }
}

/// A regular file, opened for reading.
#[derive(Debug)]
pub struct RegularFile {
    file: File,
    bytes: u64,
}

impl RegularFile {
    /// Opens the file at `path`.
    ///
    /// # Errors
    ///
    /// It is no regular file, or cannot be opened.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        // Looked at before it is opened, because opening a pipe would wait for its writer.
        refuse_unless_regular(std::fs::metadata(path).map_err(ReadError::Open)?.file_type())?;
        Self::of(File::open(path).map_err(ReadError::Open)?)
    }

    /// A file that is open already.
    pub(super) fn of(file: File) -> Result<Self, ReadError> {
        let metadata = file.metadata().map_err(ReadError::Open)?;
        refuse_unless_regular(metadata.file_type())?;
        Ok(Self { file, bytes: metadata.len() })
    }

    /// The file, for whoever reads it from its beginning.
    pub(crate) fn reader(&self) -> io::Result<File> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        Ok(file)
    }

    /// The file itself.
    pub fn into_file(self) -> File {
        self.file
    }

    /// The length of the file when it was opened.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Fills `buffer` from `offset` on, as far as the file goes, and returns how far that is.
    pub(crate) fn read_up_to(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, ReadError> {
        let mut have = 0;
        while let Some(rest) = buffer.get_mut(have..).filter(|rest| !rest.is_empty()) {
            let length = rest.len();
            match self.file.read_at(rest, offset.saturating_add(have as u64)) {
                Ok(0) => break,
                Ok(more) => have += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(ReadError::Read { offset, length, source }),
            }
        }
        Ok(have)
    }

    /// Whether a tracer still records into the file: it holds an exclusive lock while it does.
    fn is_being_written(&self) -> bool {
        match self.file.try_lock_shared() {
            // A filesystem without locks cannot tell; then nobody is known to write.
            Ok(()) => self.file.unlock().is_err(),
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(_)) => false,
        }
    }
}

fn refuse_unless_regular(kind: FileType) -> Result<(), ReadError> {
    let what = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    };
    Err(ReadError::NotAFile { what })
}
