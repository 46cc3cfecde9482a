//! Printed and written outputs of every command.

use std::process::{Command, Stdio};

use memtrace_testing::perfetto;

use super::{danger::Kind, fields::Folder};

/// The outputs: a name, what is typed, and what reads it. `RUN`, `OTHER`, `PICKLE`, `BUDGET` and `BAD` are files, `ZIP` and `SNAPSHOT`
/// are some to be made, `ARG` is text; what is written into `NEW`, if that is there, is the output; else it is stdout and stderr.
const LINES: &[(&str, &str, Kind)] = &[
    ("analyze", "analyze RUN --text", Kind::Text),
    ("analyze --json", "analyze RUN --json", Kind::Json),
    ("analyze --device", "analyze RUN --device 0 --text", Kind::Text),
    ("analyze --from", "analyze RUN --from 0.2s --to 0.6s --text", Kind::Text),
    ("analyze, of two", "analyze RUN OTHER", Kind::Text),
    ("analyze --json, of two", "analyze RUN OTHER --json", Kind::Json),
    ("analyze --at", "analyze RUN --at peak", Kind::Text),
    ("analyze --at --json", "analyze RUN --at peak --json", Kind::Json),
    ("analyze --against", "analyze RUN --at end --against peak", Kind::Text),
    ("analyze --against --json", "analyze RUN --at end --against peak --json", Kind::Json),
    ("info", "info RUN", Kind::Text),
    ("info --json", "info RUN --json", Kind::Json),
    ("diff", "diff RUN OTHER --fail-if-worse 0", Kind::Text),
    ("diff --json", "diff RUN OTHER --fail-if-worse 0 --json", Kind::Json),
    ("check", "check RUN --budget BUDGET --max-growth 1/cycle --no-fail-findings --max-peak 1", Kind::Text),
    ("check --json", "check RUN --budget BUDGET --max-growth 1/cycle --no-fail-findings --json", Kind::Json),
    ("events", "events RUN", Kind::Text),
    ("events --json", "events RUN --json", Kind::JsonLines),
    ("report", "report RUN", Kind::Markdown),
    ("report -o", "report RUN -o ZIP", Kind::Text),
    ("report -o, with names", "report RUN -o ZIP --whole --no-scrub", Kind::Text),
    ("report --html", "report RUN --html NEW", Kind::Html),
    ("cut", "cut RUN -o ZIP --from 0 --to 0.5s", Kind::Text),
    ("scrub", "scrub RUN -o ZIP", Kind::Text),
    ("export --to perfetto", "export RUN --to perfetto -o NEW", Kind::Perfetto),
    ("export --to torch", "export RUN --to torch -o SNAPSHOT", Kind::Text),
    // Only plain data can be imported.
    ("analyze, of a snapshot", "analyze SNAPSHOT --json", Kind::Json),
    ("export --to csv", "export RUN --to csv", Kind::Csv),
    ("export --to csv, modules", "export RUN --to csv --table modules", Kind::Csv),
    ("export --to csv, samples", "export RUN --to csv --table samples", Kind::Csv),
    ("export --to collapsed", "export RUN --to collapsed", Kind::Text),
    ("export --to flamegraph", "export RUN --to flamegraph", Kind::Svg),
    ("export --to speedscope", "export RUN --to speedscope", Kind::Json),
    ("pack", "pack RUN", Kind::Text),
    ("pack, again", "pack RUN", Kind::Text),
    ("error: no such phase", "analyze RUN --phase ARG", Kind::Text),
    ("error: no such thread", "analyze RUN --thread ARG", Kind::Text),
    ("error: no such instant", "analyze RUN --at ARG", Kind::Text),
    ("error: no such cycle", "analyze RUN --cycle ARG --text", Kind::Text),
    ("error: no time", "analyze RUN --from ARG", Kind::Text),
    ("error: no command", "ARG", Kind::Text),
    ("error: no flag", "analyze --ARG", Kind::Text),
    ("error: no file", "analyze ARG", Kind::Text),
    ("error: no folder", "pack RUN -o ARG/ARG", Kind::Text),
    ("error: no budget", "check RUN --budget BAD", Kind::Text),
    ("error: exists", "import OTHER -o RUN", Kind::Text),
    ("error: no import", "import ARG -o ZIP", Kind::Text),
    ("error: no program", "record --library OTHER -- ARG", Kind::Text),
    ("import", "import PICKLE -o ZIP --force", Kind::Text),
    ("analyze, imported", "analyze PICKLE --json", Kind::Json),
    ("doctor", "doctor --library=ARG --python=ARG", Kind::Text),
    ("doctor --json", "doctor --library=ARG --python=ARG --json", Kind::Json),
];

/// The names of the outputs.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    LINES.iter().map(|&(name, ..)| name)
}

/// Every output for the files of this folder.
pub(crate) fn printed(folder: &Folder) -> Vec<(&'static str, Kind, String)> {
    LINES.iter().map(|&(name, line, kind)| (name, kind, run(folder, line, kind))).collect()
}

fn run(folder: &Folder, line: &str, kind: Kind) -> String {
    let new = folder.folder.path().join("new");
    let path = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let words = line.split(' ').map(|word| match word {
        "RUN" => path(&folder.run),
        "OTHER" => path(&folder.other),
        "PICKLE" => path(&folder.pickle),
        "BAD" => path(&folder.bad),
        "BUDGET" => path(&folder.budget),
        "NEW" => path(&new),
        "ZIP" => format!("{}.bug.zip", path(&folder.run)),
        "SNAPSHOT" => format!("{}.pickle", path(&folder.run)),
        word => word.replace("ARG", &folder.argument),
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_memtrace"));
    let output = command.args(words).current_dir(folder.folder.path()).stdin(Stdio::null()).output();
    let output = output.expect("it runs");
    if let Ok(written) = std::fs::read(&new) {
        std::fs::remove_file(&new).expect("it is there");
        return match kind {
            Kind::Perfetto => perfetto::lines(&written).join("\n"),
            _ => String::from_utf8(written).expect("it is text"),
        };
    }
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8(text).unwrap_or_else(|error| panic!("{line} prints no text: {error}"))
}
