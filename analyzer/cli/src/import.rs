//! `memtrace import`: a recording of another program, written as a log.

use std::path::Path;

use memtrace_analysis::Text;

use crate::{arguments::Import, failure::Failure, input::Input, place::Place, progress};

pub(crate) fn run(arguments: &Import) -> Result<(), Failure> {
    let Import { recording, output, force } = arguments;
    let place = Place::begin(recording, output, *force)?;
    let input = Input::of(recording)?;
    let file = place.file.file().try_clone().map_err(|error| place.unwritable(error))?;
    let mut shown = progress::imported();
    let imported = memtrace_import::import(input.path(), file, &mut shown).map_err(|error| match error {
        memtrace_import::ImportError::Write(error) => place.unwritable(error),
        error => Failure::not_imported(recording)(error.into()),
    })?;
    place.end(Said { imported: &imported, output })
}

/// What was done, in words.
struct Said<'a> {
    imported: &'a memtrace_import::Imported,
    output: &'a Path,
}

impl std::fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let memtrace_import::Imported { format, events, notes, .. } = self.imported;
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
