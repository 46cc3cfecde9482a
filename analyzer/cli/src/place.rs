//! Writes new files whole: after a failure there is no partial file under the requested name.

use std::{
    fmt::Display,
    io::{self, IsTerminal as _, Seek as _, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use memtrace_analysis::Text;
use tempfile::NamedTempFile;

use crate::{failure::Failure, output};

/// A file that is being written, and the name that it gets once it is whole.
pub(crate) struct Place {
    pub(crate) file: NamedTempFile,
    path: PathBuf,
    replace: bool,
    /// It goes to standard output in the end.
    piped: bool,
}

/// What stands for standard input and standard output.
pub(crate) const PIPE: &str = "-";

impl Place {
    /// Begins a file that is made of `source` and never replaces it, nor any other unless `replace` says so.
    pub(crate) fn begin(source: &Path, path: &Path, replace: bool) -> Result<Self, Failure> {
        if path.as_os_str() == PIPE {
            return if io::stdout().is_terminal() { Err(Failure::ForNoScreen) } else { Self::temporary() };
        }
        if is_same_file(source, path) || path.exists() && !replace {
            return Err(Failure::Exists(shown(path)));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::Builder::new().prefix(".memtrace-").tempfile_in(folder);
        let file = file.map_err(|error| Failure::Unwritable { path: shown(path), error })?;
        Ok(Self { file, path: path.to_owned(), replace, piped: false })
    }

    /// A file without a name that anybody asked for.
    pub(crate) fn temporary() -> Result<Self, Failure> {
        let file = NamedTempFile::new();
        let file = file.map_err(|error| Failure::Unwritable { path: shown(&std::env::temp_dir()), error })?;
        Ok(Self { file, path: PIPE.into(), replace: false, piped: true })
    }

    /// The failure to write it.
    pub(crate) fn unwritable(&self, error: io::Error) -> Failure {
        Failure::Unwritable { path: shown(&self.path), error }
    }

    /// Says something of what is going to be written, where it is in nobody's way.
    pub(crate) fn say(&self, text: impl Display) -> Result<(), Failure> {
        if self.piped {
            drop(write!(io::stderr(), "{text}"));
            return Ok(());
        }
        output::print(text)
    }

    /// Gives the file its name, or writes it to standard output; and says this.
    pub(crate) fn end(self, text: impl Display) -> Result<(), Failure> {
        let Self { mut file, path, replace, piped } = self;
        if piped {
            file.as_file_mut().rewind().map_err(Failure::Output)?;
            io::copy(file.as_file_mut(), &mut io::stdout().lock()).map_err(Failure::Output)?;
            drop(write!(io::stderr(), "{text}"));
            return Ok(());
        }
        let placed = if replace { file.persist(&path) } else { file.persist_noclobber(&path) };
        placed.map(drop).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => Failure::Exists(shown(&path)),
            _ => Failure::Unwritable { path: shown(&path), error: error.error },
        })?;
        output::print(text)
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
