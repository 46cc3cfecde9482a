//! Opens whatever a user has as a trace: a log, or a recording of another program.

use std::path::Path;

use memtrace_analysis::{Progress, ReadError, Trace};
use thiserror::Error;

use super::{ImportError, Stage, container::Source, import_as, recognize};

/// Why a file cannot be opened as a trace.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It is no log.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is another recording, which cannot be imported.
    #[error(transparent)]
    Import(ImportError),
}

impl From<ImportError> for OpenError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::File(error) => Self::Read(error),
            error => Self::Import(error),
        }
    }
}

/// Opens the file at `path` as a trace: a log as it is, any other recording imported into a temporary file without a name,
/// which is gone when the trace is dropped. `watch` is told how far an import has come.
///
/// # Errors
///
/// The file is neither a log nor a recording that this program knows, or there is no room for the temporary file.
pub fn open_recording(
    path: impl AsRef<Path>,
    watch: &mut dyn FnMut(Stage, Progress),
) -> Result<Trace, OpenError> {
    let source = Source::open(path.as_ref())?;
    let Some(format) = recognize::format(&source.file)? else {
        return Ok(if source.was_taken_out() { Trace::of_file(source.file)? } else { Trace::open(path)? });
    };
    let log = tempfile::tempfile()
        .map_err(|source| ImportError::NoRoom { folder: std::env::temp_dir(), source })?;
    import_as(format, source, log.try_clone().map_err(ImportError::Write)?, watch)?;
    Ok(Trace::of_file(log)?)
}
