//! Opens the input: a trace, a packed one, or another program's recording; by name, or from standard input.

use std::{
    borrow::Cow,
    io,
    path::{Path, PathBuf},
};

use memtrace_analysis::Trace;
use memtrace_import::ImportError;

use crate::{draft::Draft, failure::Failure, place::PIPE, progress};

/// A file to read. One that comes through a pipe is kept in a temporary file, because a trace is read here and there.
pub(crate) struct Input {
    path: PathBuf,
    _kept: Option<Draft>,
}

impl Input {
    /// The file of this name, or what standard input has.
    pub(crate) fn of(path: &Path) -> Result<Self, Failure> {
        if path.as_os_str() != PIPE {
            return Ok(Self { path: path.to_owned(), _kept: None });
        }
        let no_room = |source| ImportError::NoRoom { folder: std::env::temp_dir(), source };
        let kept = Draft::begin(&std::env::temp_dir()).map_err(no_room).and_then(|mut file| {
            io::copy(&mut io::stdin().lock(), file.file_mut()).map_err(no_room)?;
            Ok(file)
        });
        let kept = kept.map_err(|error| Failure::not_imported(path)(error.into()))?;
        Ok(Self { path: kept.path(), _kept: Some(kept) })
    }

    /// A path by which this process can open it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Opens a trace.
pub(crate) fn open(path: &Path) -> Result<Trace, Failure> {
    let input = Input::of(path)?;
    let opened = memtrace_import::open_recording(input.path(), &mut progress::imported());
    opened.map_err(Failure::not_imported(path))
}

/// What it is called in an archive.
pub(crate) fn name(path: &Path) -> Cow<'_, str> {
    match path.file_name() {
        Some(name) if name != PIPE => name.to_string_lossy(),
        _ => "run.trace".into(),
    }
}
