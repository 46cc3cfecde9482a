//! New files: whatever goes wrong, there is no half of one under the name that was asked for.

use std::{
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use memtrace_analyzer::Text;
use tempfile::NamedTempFile;

use crate::failure::Failure;

/// A file that is being written, and the name that it gets once it is whole.
pub(crate) struct Place {
    pub(crate) file: NamedTempFile,
    path: PathBuf,
    replace: bool,
}

impl Place {
    /// Begins a file that is made of `source` and never replaces it, nor any other unless `replace` says so.
    pub(crate) fn begin(source: &Path, path: &Path, replace: bool) -> Result<Self, Failure> {
        if is_same_file(source, path) || path.exists() && !replace {
            return Err(Failure::Exists(shown(path)));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::Builder::new().prefix(".memtrace-").tempfile_in(folder);
        let file = file.map_err(|error| Failure::Unwritable { path: shown(path), error })?;
        Ok(Self { file, path: path.to_owned(), replace })
    }

    /// The failure to write it.
    pub(crate) fn unwritable(&self, error: io::Error) -> Failure {
        Failure::Unwritable { path: shown(&self.path), error }
    }

    /// Gives the file its name.
    pub(crate) fn end(self) -> Result<(), Failure> {
        let Self { file, path, replace } = self;
        let placed = if replace { file.persist(&path) } else { file.persist_noclobber(&path) };
        placed.map(drop).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => Failure::Exists(shown(&path)),
            _ => Failure::Unwritable { path: shown(&path), error: error.error },
        })
    }
}

pub(crate) fn shown(path: &Path) -> Text {
    Text::new(path.to_string_lossy())
}

/// Whether both are one file.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| path.metadata().map(|metadata| (metadata.dev(), metadata.ino()));
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}
