//! The processes of a run, side by side.

use std::{
    cmp::Reverse,
    fmt::{self, Display, Formatter},
};

use crate::{
    Text,
    processes::Process,
    table::{Table, shorten},
};

/// The most characters of a file's name.
const FILE: usize = 32;

/// The processes of a run as a table, those with most memory first.
#[derive(Clone, Copy, Debug)]
pub struct ProcessesText<'a>(pub &'a [Process]);

impl Display for ProcessesText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut table =
            Table::new(["PROCESS", "id", "recorded for", "ended", "largest heap", "peak", "findings"]);
        let largest = |process: &Process| process.peaks.iter().max_by_key(|peak| peak.bytes).cloned();
        let mut processes: Vec<&Process> = self.0.iter().collect();
        processes.sort_by_key(|process| Reverse(largest(process).map(|peak| peak.bytes)));
        for process in &processes {
            let peak = largest(process);
            let shown = |text: Option<String>| text.unwrap_or_else(|| "?".to_owned());
            let none = || "-".to_owned();
            table.row([
                name(process, self.0),
                shown(process.pid.map(|pid| pid.to_string())),
                process.duration_ns.to_string(),
                process.ended.name().to_owned(),
                peak.as_ref().map_or_else(none, |peak| peak.heap.to_string()),
                peak.map_or_else(none, |peak| peak.bytes.to_string()),
                findings(process),
            ]);
        }
        writeln!(f, "{table}")?;
        writeln!(f, "Each in full:")?;
        processes.iter().try_for_each(|process| writeln!(f, "  memtrace analyze {}", process.file))
    }
}

/// What tells a process from the others: its program, and where others have the same one and no id, its file.
fn name(process: &Process, all: &[Process]) -> String {
    let engine = process.engine.as_ref().map_or_else(|| "?".to_owned(), Text::to_string);
    let is_like = |other: &&Process| other.engine == process.engine && other.pid == process.pid;
    if all.iter().filter(is_like).count() < 2 {
        return engine;
    }
    let file = process.file.recorded().rsplit('/').next().unwrap_or_default();
    format!("{engine} ({})", shorten(&Text::new(file), FILE))
}

fn findings(process: &Process) -> String {
    let named: Vec<String> =
        process.findings.iter().map(|found| format!("{} {}", found.verdict.name(), found.id)).collect();
    if named.is_empty() { "-".to_owned() } else { named.join(", ") }
}
