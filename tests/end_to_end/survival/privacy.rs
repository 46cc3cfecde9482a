use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::{Command, Stdio},
};

use super::{
    running::Running,
    tally::assert_nothing_lost,
    trial::{Trial, copy_program, only},
};
use crate::optional;

#[test]
fn a_log_is_its_owners_alone() {
    let mut trial = Trial::new("none", 1, 100);
    // SAFETY: umask may be called between fork and exec.
    unsafe {
        trial.command.pre_exec(|| {
            libc::umask(0);
            Ok(())
        });
    }
    trial.succeed();
    let mode = trial.path("run.trace").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn nothing_of_environment_and_arguments_is_in_a_log() {
    const CANARIES: [&str; 3] = ["canary-in-a-value", "CANARY_IN_A_NAME", "canary-in-an-argument"];
    let mut trial = Trial::new("none", 1, 100).env("SECRET", CANARIES[0]).env(CANARIES[1], "1");
    trial.command.arg(CANARIES[2]);
    trial.succeed();
    let bytes = fs::read(trial.path("run.trace")).unwrap();
    for canary in CANARIES
        .iter()
        .map(|canary| canary.as_bytes())
        .chain([b"MEMTRACE_FILE".as_slice(), b"acknowledgements"])
    {
        assert!(!bytes.windows(canary.len()).any(|window| window == canary), "{}", canary.escape_ascii());
    }
    assert_nothing_lost(&trial.log(), &trial.acknowledged());
}

#[test]
fn a_setuid_program_ignores_the_environment() {
    const OWNER: u32 = 12_345;
    const USER: u32 = 65_534;
    // Nobody else can make a setuid program of another user.
    if !optional::root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("survivor");
    copy_program(&program);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let logs_after = |mode: u32| {
        fs::set_permissions(&program, fs::Permissions::from_mode(mode)).unwrap();
        let mut command = Command::new(&program);
        command.args(["none", "-", "1", "10"]).current_dir(folder.path()).uid(USER).gid(USER);
        command.env("MEMTRACE_FILE", folder.path().join(format!("{mode:o}.trace")));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let outcome = Running::from(command.spawn().unwrap()).outcome();
        assert!(outcome.status.success() && outcome.stderr.is_empty(), "{outcome:?}");
        folder.path().join(format!("{mode:o}.trace")).exists()
    };
    chown(&program, Some(OWNER), Some(OWNER)).unwrap();
    assert!(logs_after(0o755), "without raised rights it records");
    assert!(!logs_after(0o4755), "it recorded with another user's rights");
    assert!(!logs_after(0o2755), "it recorded with another group's rights");
}

#[test]
fn a_child_inherits_no_descriptor_of_the_log() {
    let mut trial = Trial::new("exec-list", 4, 0);
    let outcome = trial.succeed();
    let descriptors: Vec<&str> = outcome.stdout.lines().collect();
    assert!(descriptors.len() >= 3, "{outcome:?}");
    let of_first: Vec<&&str> = descriptors.iter().filter(|line| line.ends_with("/run.trace")).collect();
    assert!(of_first.is_empty(), "{descriptors:?}");
    let first = trial.path("run.trace");
    let others: Vec<_> = trial.logs().into_iter().filter(|path| path != Path::new(&first)).collect();
    only(&others);
}
