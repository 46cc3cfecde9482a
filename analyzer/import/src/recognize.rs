//! Recognizes the format of a file by its first bytes.

use std::{fmt, fs::File, io, os::unix::fs::FileExt as _, path::Path};

use memtrace_analysis::{ReadError, RegularFile};

use super::{ImportError, rmm};

/// A recording of another program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForeignFormat {
    /// A PyTorch memory snapshot: a pickle.
    PyTorch,
    /// An RMM log: comma-separated values.
    Rmm,
    /// An export of Nsight Systems: a SQLite database.
    Nsight,
}

impl fmt::Display for ForeignFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PyTorch => "PyTorch memory snapshot",
            Self::Rmm => "RMM log",
            Self::Nsight => "Nsight Systems export",
        })
    }
}

/// So many bytes tell every format.
const BEGINNING: usize = 64;

/// Opens a regular file, and tells its length.
pub(super) fn open(path: &Path) -> Result<(File, u64), ReadError> {
    let file = RegularFile::open(path)?;
    let length = file.bytes();
    Ok((file.into_file(), length))
}

/// The format of an opened file. `None`: none that this program imports.
pub(super) fn format(file: &File) -> Result<Option<ForeignFormat>, ImportError> {
    let mut bytes = [0; BEGINNING];
    let mut have = 0;
    while have < bytes.len() {
        match file.read_at(&mut bytes[have..], have as u64) {
            Ok(0) => break,
            Ok(more) => have += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(ReadError::Read { offset: 0, length: BEGINNING, source }.into()),
        }
    }
    Ok(match &bytes[..have] {
        // The opcode that says which protocol a pickle has.
        [0x80, 2..=u8::MAX, ..] => Some(ForeignFormat::PyTorch),
        beginning if beginning.starts_with(rmm::HEADER) => Some(ForeignFormat::Rmm),
        beginning if beginning.starts_with(b"SQLite format 3\0") => Some(ForeignFormat::Nsight),
        _ => None,
    })
}
