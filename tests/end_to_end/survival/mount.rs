use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::OnceLock,
};

use super::trial::Trial;
use crate::programs;

/// Whether this user may mount a filesystem that only his own processes see. Says so if not: the test is skipped then.
pub(crate) fn is_allowed() -> bool {
    static ALLOWED: OnceLock<bool> = OnceLock::new();
    let allowed = *ALLOWED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("unshare");
        mount.args(["-rm", "mount", "-t", "tmpfs", "none"]).arg(folder.path());
        mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    });
    if !allowed {
        eprintln!("skipped: needs `unshare -rm` and mount, as root or with user namespaces");
    }
    allowed
}

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
