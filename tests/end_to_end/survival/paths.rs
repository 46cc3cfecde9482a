use std::{
    ffi::CString,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, symlink},
    },
    path::PathBuf,
};

use super::{
    log::Log,
    running::Outcome,
    tally::assert_nothing_lost,
    trial::{Trial, only},
};

const THREADS: u16 = 2;

const EVENTS: u64 = 500;

fn untraced() -> Outcome {
    Trial::untraced("none", THREADS, EVENTS).succeed()
}

#[test]
fn a_file_that_cannot_be_made_changes_nothing() {
    let long = format!("{}.trace", "x".repeat(300));
    for path in ["missing/run.trace", "acknowledgements/run.trace", "missing/", "/", &long] {
        let mut trial = Trial::new("none", THREADS, EVENTS).env("MEMTRACE_FILE", path);
        let outcome = trial.run();
        assert!(outcome.assert_unchanged(&untraced()).contains("not recording"), "{path:?}: {outcome:?}");
        assert!(trial.logs().is_empty());
    }
}

#[test]
fn a_file_is_never_written_over() {
    let mut trial = Trial::new("none", THREADS, EVENTS);
    fs::write(trial.path("run.trace"), "somebody's own").unwrap();
    recorded_beside(&mut trial);
    assert_eq!(fs::read_to_string(trial.path("run.trace")).unwrap(), "somebody's own");
}

#[test]
fn a_fifo_is_neither_opened_nor_waited_for() {
    let mut trial = Trial::new("none", THREADS, EVENTS);
    let path = CString::new(trial.path("run.trace").as_os_str().as_bytes()).unwrap();
    // SAFETY: the path ends with zero.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    recorded_beside(&mut trial);
    assert!(trial.path("run.trace").metadata().unwrap().file_type().is_fifo());
}

/// Nobody who names a device wants a file beside it.
#[test]
fn no_log_is_made_beside_a_device() {
    let made = || -> Vec<_> {
        let entries = fs::read_dir("/dev").unwrap().map(|entry| entry.unwrap().file_name());
        entries
            .filter(|name| {
                ["null.", "stdout.", "tty."].iter().any(|of| name.to_str().unwrap().starts_with(of))
            })
            .collect()
    };
    let before = made();
    for device in ["/dev/null", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let mut trial = Trial::new("none", THREADS, EVENTS).env("MEMTRACE_FILE", device);
        let outcome = trial.run();
        assert!(outcome.assert_unchanged(&untraced()).contains("not recording"), "{device}: {outcome:?}");
    }
    assert_eq!(made(), before);
}

#[test]
fn a_link_to_a_file_is_not_followed() {
    let mut trial = Trial::new("none", THREADS, EVENTS);
    fs::write(trial.path("target"), "somebody's own").unwrap();
    symlink("target", trial.path("run.trace")).unwrap();
    recorded_beside(&mut trial);
    assert_eq!(fs::read_to_string(trial.path("target")).unwrap(), "somebody's own");
}

#[test]
fn a_link_to_nothing_is_not_followed() {
    let mut trial = Trial::new("none", THREADS, EVENTS);
    symlink("target", trial.path("run.trace")).unwrap();
    recorded_beside(&mut trial);
    assert!(!trial.path("target").exists(), "what the link names was made");
}

#[test]
fn a_directory_is_left_alone() {
    let mut trial = Trial::new("none", THREADS, EVENTS);
    fs::create_dir(trial.path("run.trace")).unwrap();
    recorded_beside(&mut trial);
    assert_eq!(fs::read_dir(trial.path("run.trace")).unwrap().count(), 0);
}

#[test]
fn links_in_both_places_are_not_followed() {
    // The process id is not known beforehand, so every likely one is taken.
    let mut trial = Trial::new("none", THREADS, EVENTS);
    symlink("target", trial.path("run.trace")).unwrap();
    let newest: u32 = std::process::id();
    for pid in newest..newest + 3000 {
        symlink("target", trial.path(&format!("run.{pid}.trace"))).unwrap();
    }
    let outcome = trial.run();
    outcome.assert_unchanged(&untraced());
    assert!(!trial.path("target").exists(), "what the link names was made");
}

/// Runs the program whose name for the log is taken; the log lies beside it, whole, and the one line on stderr says where.
fn recorded_beside(trial: &mut Trial) {
    let outcome = trial.run();
    let line = outcome.assert_unchanged(&untraced());
    let taken = trial.path("run.trace");
    let beside: Vec<PathBuf> = trial.logs().into_iter().filter(|path| *path != taken).collect();
    let path = only(&beside);
    assert!(line.contains(&path.file_name().unwrap().to_string_lossy().into_owned()), "{line}");
    assert_nothing_lost(&Log::read(path), &trial.acknowledged());
}
