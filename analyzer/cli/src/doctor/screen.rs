//! The checks on one screen: what is recorded here and what is not, the checks that say why, and what to type next.

use std::{
    fmt::{self, Display, Formatter},
    path::Path,
};

use memtrace_analysis::{Text, report::FindingVerdict};

use super::Check;

pub(super) struct Screen<'a> {
    pub(super) checks: &'a [Check],
    pub(super) python: &'a Path,
    /// That Python has PyTorch.
    pub(super) has_torch: bool,
}

impl Display for Screen<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let records = |is_wanted: fn(FindingVerdict) -> bool| {
            let all = self.checks.iter().filter(move |check| is_wanted(check.verdict));
            all.filter_map(|check| Some((check.records?, check.what))).collect::<Vec<_>>()
        };
        // What warns is recorded in part, or not at all; the check says which.
        let (yes, no) = (
            records(|verdict| verdict == FindingVerdict::Ok),
            records(|verdict| verdict != FindingVerdict::Ok),
        );
        let joined =
            |parts: Vec<String>| if parts.is_empty() { "nothing".to_owned() } else { parts.join("; ") };
        let yes = yes.into_iter().map(|(records, _)| records.to_owned()).collect();
        writeln!(f, "recorded here: {}", joined(yes))?;
        if !no.is_empty() {
            let no = no.into_iter().map(|(records, what)| format!("{records} (see {what})")).collect();
            writeln!(f, "not recorded here: {}", joined(no))?;
        }
        writeln!(f)?;
        for Check { what, verdict, found, advice, .. } in self.checks {
            writeln!(f, "{:<5} {what}: {found}", verdict.name())?;
            if !advice.is_empty() {
                writeln!(f, "      try: {advice}")?;
            }
        }
        if self.checks.iter().any(|check| check.verdict == FindingVerdict::Fail) {
            return Ok(());
        }
        let torch = if self.has_torch { " --torch" } else { "" };
        let python = Text::new(self.python.to_string_lossy());
        writeln!(f, "\nnext: memtrace record{torch} --analyze -- {python} YOUR_PROGRAM.py")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(checks: &[Check], has_torch: bool) -> String {
        Screen { checks, python: Path::new("python3"), has_torch }.to_string()
    }

    #[test]
    fn it_says_what_is_recorded_what_is_not_and_what_to_type() {
        let checks = [
            Check::ok("recording", "tried").records("host memory"),
            Check::absent("CUDA driver", "not here").records("calls of the driver"),
            Check::ok("clock", "steady"),
        ];
        let text = shown(&checks, true);
        let expected = "recorded here: host memory\nnot recorded here: calls of the driver (see CUDA driver)\n\n\
            OK    recording: tried\nN/A   CUDA driver: not here\nOK    clock: steady\n\n\
            next: memtrace record --torch --analyze -- python3 YOUR_PROGRAM.py\n";
        assert_eq!(text, expected);
        assert!(
            shown(&checks, false).ends_with("next: memtrace record --analyze -- python3 YOUR_PROGRAM.py\n")
        );
    }

    /// Where nothing can be recorded, there is nothing to type but what is advised.
    #[test]
    fn where_a_check_fails_no_recording_is_offered() {
        let failed =
            Check::new("recording", FindingVerdict::Fail, "no library", "install it").records("host memory");
        let text = shown(&[failed], true);
        assert!(
            text.starts_with("recorded here: nothing\nnot recorded here: host memory (see recording)\n"),
            "{text}"
        );
        assert!(text.ends_with("      try: install it\n"), "{text}");
    }
}
