use std::{
    fs,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use tempfile::TempDir;

use crate::{programs, survival::trial::Trial};

/// A folder with a trace of so many events.
fn folder(events: u64) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut trial = Trial::new("none", 4, events / 4);
    trial.succeed();
    fs::copy(trial.path("run.trace"), folder.path().join("run.trace")).unwrap();
    folder
}

fn writers(folder: &Path) -> Vec<Command> {
    let commands: [&[&str]; 4] = [
        &["pack", "run.trace"],
        &["report", "run.trace", "-o", "bug.zip"],
        &["scrub", "run.trace", "-o", "clean.trace"],
        &["cut", "run.trace", "-o", "part.trace", "--from", "0"],
    ];
    let command = |arguments: &&[&str]| {
        let mut command = programs::memtrace();
        command.args(*arguments).current_dir(folder).env("TMPDIR", folder);
        command
    };
    commands.iter().map(command).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Whenever a command is ended, and by whatever: what it was writing is nowhere.
#[test]
fn a_writer_that_is_ended_leaves_nothing_behind() {
    let folder = folder(400_000);
    let mut ended = 0;
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGKILL] {
        for mut writer in writers(folder.path()) {
            for milliseconds in [15, 60] {
                let mut running = writer.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
                thread::sleep(Duration::from_millis(milliseconds));
                // SAFETY: it has no memory arguments, and the process has not been waited for.
                unsafe { libc::kill(running.id().cast_signed(), signal) };
                let status = running.wait().unwrap();
                if status.signal().is_none() {
                    // It was done before.
                    assert!(status.success(), "{writer:?}: {status:?}");
                    for name in names(folder.path()).iter().filter(|name| *name != "run.trace") {
                        assert!(!name.starts_with('.'), "{name}");
                        fs::remove_file(folder.path().join(name)).unwrap();
                    }
                    continue;
                }
                ended += 1;
                assert_eq!(names(folder.path()), ["run.trace"], "{writer:?} {signal}");
            }
        }
    }
    assert!(ended > 5, "only {ended} were ended before they were done");
}

/// Where there is no room, one line names the file that was asked for, and the status is that of a failed write.
#[test]
fn a_writer_without_room_says_so_once() {
    let folder = folder(20_000);
    for mut writer in writers(folder.path()) {
        // SAFETY: these calls may be made between a fork and an exec.
        unsafe {
            writer.pre_exec(|| {
                libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
                let least = libc::rlimit { rlim_cur: 8192, rlim_max: 8192 };
                libc::setrlimit(libc::RLIMIT_FSIZE, &raw const least);
                Ok(())
            })
        };
        let output: Output = writer.output().unwrap();
        assert_eq!(output.status.code(), Some(4), "{writer:?}: {output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("cannot be written: File too large"), "{writer:?}: {said}");
        assert!(!said.contains(".memtrace-") && !said.contains("/proc/self/fd"), "{said}");
        assert_eq!(said.lines().filter(|line| line.contains("memtrace:")).count(), 1, "{said}");
        assert!(!said.contains("ZipWriter"), "{said}");
        assert_eq!(names(folder.path()), ["run.trace"]);
    }
}
