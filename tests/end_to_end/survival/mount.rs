use std::{fs, path::Path, process::Stdio};

use super::trial::Trial;
use crate::programs;

/// Lets the program of `trial` record into a tmpfs of its own, mounted with `options`. What is in there at its end is copied
/// to the trial's folder.
pub(crate) fn record_into_tmpfs(trial: &mut Trial, options: &str) {
    const SCRIPT: &str = r#"
        mount -t tmpfs -o "$1" none small || exit 99
        shift
        "$@"
        status=$?
        cp small/* . 2>/dev/null
        exit $status
    "#;
    fs::create_dir(trial.path("small")).unwrap();
    let mut wrapped = programs::quiet(Path::new("unshare"));
    wrapped.args(["-rm", "sh", "-c", SCRIPT, "sh", options]);
    wrapped.arg(trial.command.get_program()).args(trial.command.get_args());
    wrapped.current_dir(trial.path(""));
    wrapped.env("MEMTRACE_FILE", trial.path("small/run.trace"));
    wrapped.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    trial.command = wrapped;
}
