//! Screens of the interactive view, and exports from its views.

use std::{fs, process::Command, time::Duration};

use memtrace_terminal::{Size, Terminal};

use super::{danger::Kind, fields::Folder};

/// The views by their keys: what is drawn on the screen, and the rows as CSV.
const VIEWS: [(&str, &str, &str); 9] = [
    ("1", "screen of the overview", "rows of the overview"),
    ("2", "screen of the timeline", "rows of the timeline"),
    ("3", "screen of residency", "rows of residency"),
    ("4", "screen of swaps", "rows of swaps"),
    ("5", "screen of the map", "rows of the map"),
    ("6", "screen of what is live", "rows of what is live"),
    ("7", "screen of growth", "rows of growth"),
    ("8", "screen of the ledger", "rows of the ledger"),
    ("9", "screen of events", "rows of events"),
];

const SIZE: Size = Size { columns: 240, rows: 60 };

/// Long enough for the answer of a worker to a trace of a few hundred events, and for a terminal to tell Escape from what begins with it.
const SILENCE: Duration = Duration::from_millis(60);

/// What every view shows of the folder's trace.
pub(crate) fn shown(folder: &Folder) -> Vec<(&'static str, Kind, String)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memtrace"));
    let mut terminal = Terminal::start(command.arg("analyze").arg(&folder.run), SIZE);
    terminal.await_text("Findings");
    let mut shown = Vec::new();
    for (key, screen, rows) in VIEWS {
        terminal.press(key);
        // To the end, for what is live there.
        terminal.press("\x1b[F");
        terminal.await_silence(SILENCE);
        shown.push((screen, Kind::Text, terminal.screen()));
        let exports = [
            ("export as SVG", Kind::Svg, "svg"),
            ("export as text", Kind::Text, "txt"),
            (rows, Kind::Csv, "csv"),
        ];
        for (name, kind, ending) in exports {
            let path = folder.folder.path().join(format!("view-{key}.{ending}"));
            terminal.press(&format!("x\u{15}{}\r", path.to_string_lossy()));
            terminal.await_screen("an export", |terminal| {
                let screen = terminal.screen();
                screen.contains(&format!("view-{key}.{ending}, ")) || screen.contains("has no rows")
            });
            match fs::read_to_string(&path) {
                Ok(text) => shown.push((name, kind, text)),
                Err(_) => terminal.press("\x1b"),
            }
        }
        terminal.await_silence(SILENCE);
    }
    // The prompt suggests a name after the trace's.
    terminal.press("x");
    terminal.await_silence(SILENCE);
    shown.push(("the prompt", Kind::Text, terminal.screen()));
    terminal.press("\x1b");
    terminal.await_silence(SILENCE);
    terminal.press("q");
    let end = terminal.finish();
    assert!(end.status.success(), "{}", end.written);
    shown.push(("all that is drawn", Kind::Drawn, end.written));
    shown
}
