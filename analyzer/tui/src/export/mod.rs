//! Export of a view to a file: the screen as text or SVG, or the rows as CSV. The file's extension chooses.

mod csv;
mod svg;

use std::{
    fs::OpenOptions,
    io::{self, Write},
    ops::Range,
    path::{Path, PathBuf},
};

use memtrace_analysis::Text;
use memtrace_format::Bytes;
use ratatui::{
    buffer::{Buffer, Cell},
    text::Span,
};

use super::{listing::Listing, page::Page};

/// A file that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExportFile {
    path: PathBuf,
    content: String,
}

/// The kinds of files, by the ends of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Svg,
    Text,
    Csv,
}

impl ExportFile {
    /// The kinds of files, for prompts and messages.
    pub(crate) const KINDS: &str = ".svg or .txt for the screen, .csv for the rows";

    /// A name for a file with what is on the screen.
    pub(crate) fn suggestion(file: &Text, page: Page) -> String {
        let file = Path::new(file.recorded());
        let stem = file.file_stem().map_or_else(|| "trace".into(), |stem| stem.to_string_lossy());
        format!("{stem}-{}.svg", page.name().to_lowercase())
    }

    /// The file of this name with the screen or its rows; the error is for the user.
    pub(crate) fn new(
        name: &str,
        drawn: impl FnOnce() -> Buffer,
        rows: Option<&Listing>,
    ) -> Result<Self, String> {
        let path = PathBuf::from(name.trim());
        let content = match Kind::of(&path) {
            Some(Kind::Svg) => svg::render(&drawn()),
            Some(Kind::Text) => text(&drawn()),
            Some(Kind::Csv) => csv::render(rows.ok_or("this view has no rows; write .svg or .txt")?),
            None => return Err(format!("the name says what to write: {}", Self::KINDS)),
        };
        Ok(Self { path, content })
    }

    /// Writes the file, which must be a new one. What is to be said of it.
    pub(crate) fn save(&self) -> String {
        let name = Text::new(self.path.to_string_lossy());
        let write = || OpenOptions::new().write(true).create_new(true).open(&self.path);
        match write().and_then(|mut file| file.write_all(self.content.as_bytes())) {
            Ok(()) => format!("wrote {name}, {}", Bytes(self.content.len() as u64)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                format!("{name} exists already; choose another name")
            }
            Err(error) => format!("cannot write {name}: {error}"),
        }
    }
}

impl Kind {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "svg" => Some(Self::Svg),
            "txt" => Some(Self::Text),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}

/// The lines of a screen.
fn text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let line: String = cells(buffer, 0..buffer.area.width, y).map(|(_, cell)| cell.symbol()).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Cells of a row with their columns, without those that a wide character before them covers.
fn cells(buffer: &Buffer, columns: Range<u16>, y: u16) -> impl Iterator<Item = (u16, &Cell)> {
    let mut free = columns.start;
    columns.filter_map(move |x| {
        let cell = &buffer[(buffer.area.x + x, buffer.area.y + y)];
        let covered = x < free;
        if !covered {
            free = x.saturating_add(u16::try_from(Span::raw(cell.symbol()).width()).unwrap_or(1).max(1));
        }
        (!covered).then_some((x, cell))
    })
}

#[cfg(test)]
mod tests;
