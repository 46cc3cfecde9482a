//! Opens the input: a trace, a packed one, or another program's recording; by name, or from standard input.

use std::{borrow::Cow, io, path::Path};

use memtrace_analysis::Trace;
use memtrace_import::ImportError;

use crate::{draft::Draft, failure::Failure, place::PIPE, progress};

/// Opens it. A trace is read here and there, so a pipe is kept in a temporary file.
pub(crate) fn open(path: &Path) -> Result<Trace, Failure> {
    if path.as_os_str() != PIPE {
        let opened = memtrace_import::open_recording(path, &mut progress::imported());
        return opened.map_err(Failure::not_imported(path));
    }
    let no_room = |source| ImportError::NoRoom { folder: std::env::temp_dir(), source };
    let kept = Draft::begin(&std::env::temp_dir()).map_err(no_room).and_then(|mut file| {
        io::copy(&mut io::stdin().lock(), file.file_mut()).map_err(no_room)?;
        Ok(file)
    });
    let kept = kept.map_err(|error| Failure::not_imported(path)(error.into()))?;
    let opened = memtrace_import::open_recording(kept.path(), &mut progress::imported());
    opened.map_err(Failure::not_imported(path))
}

/// What it is called in an archive.
pub(crate) fn name(path: &Path) -> Cow<'_, str> {
    match path.file_name() {
        Some(name) if name != PIPE => name.to_string_lossy(),
        _ => "run.trace".into(),
    }
}
