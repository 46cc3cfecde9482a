//! `memtrace import`: a recording of another program, written as a log.

use std::{io, os::unix::fs::MetadataExt as _, path::Path};

use memtrace_analyzer::{Text, import};

use crate::{arguments::Import, failure::Failure, output, progress};

pub(crate) fn run(arguments: &Import) -> Result<(), Failure> {
    let Import { recording, output, force } = arguments;
    let named = |error| Failure::Unwritable { path: Text::new(output.to_string_lossy()), error };
    if is_same_file(recording, output) || output.exists() && !force {
        return Err(Failure::Exists(Text::new(output.to_string_lossy())));
    }
    // Under another name first: whatever goes wrong, there is no half of a log under the one that was asked for.
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let log = tempfile::Builder::new().prefix(".memtrace-import-").tempfile_in(folder).map_err(named)?;
    let file = log.as_file().try_clone().map_err(named)?;
    let mut shown = progress::imported();
    let imported = import::import(recording, file, &mut shown).map_err(|error| match error {
        import::ImportError::Write(error) => named(error),
        error => Failure::not_imported(recording)(error.into()),
    })?;
    let placed = if *force { log.persist(output) } else { log.persist_noclobber(output) };
    placed.map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => Failure::Exists(Text::new(output.to_string_lossy())),
        _ => named(error.error),
    })?;
    output::print(Said { imported: &imported, output })
}

/// Whether the log would take the recording's own place.
fn is_same_file(recording: &Path, output: &Path) -> bool {
    let identity = |path: &Path| path.metadata().map(|metadata| (metadata.dev(), metadata.ino()));
    matches!((identity(recording), identity(output)), (Ok(a), Ok(b)) if a == b)
}

/// What was done, in words.
struct Said<'a> {
    imported: &'a import::Imported,
    output: &'a Path,
}

impl std::fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let import::Imported { format, events, notes, .. } = self.imported;
        let output = Text::new(self.output.to_string_lossy());
        writeln!(f, "{format}: {events} events, written to {output}")?;
        let (agree, differ) = (self.imported.sizes_agree, self.imported.sizes_differ);
        if agree + differ > 0 {
            writeln!(
                f,
                "  block sizes are deduced; {agree} of the {} that the recording shows agree",
                agree + differ
            )?;
        }
        notes.iter().try_for_each(|note| writeln!(f, "  {note}"))
    }
}
