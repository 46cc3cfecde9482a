use std::{
    ffi::OsString,
    process::{Command, Stdio},
};

use super::{Lab, bystander, outcome};
use crate::optional::{self, Need};

/// Makes a filesystem in a file, mounts it where nobody else sees it, and has the program record into it. When the program
/// waits, `$share` makes others share the log's blocks, and the disk is filled up. Then the program goes on.
const SCRIPT: &str = r#"
    kind=$1; make=$2; share=$3; shift 3
    truncate -s 400M image && mkfs.$kind -q image >/dev/null 2>&1 && mkdir disk && mount -o loop image disk || exit 99
    eval "$make"
    mkfifo go waits
    "$@" <go >waits &
    program=$!
    exec 7>go 8<waits
    read -r line <&8
    eval "$share" >/dev/null || exit 98
    sync
    dd if=/dev/zero of=disk/filler bs=1M 2>/dev/null
    dd if=/dev/zero of=disk/rest bs=4k 2>/dev/null
    sync
    echo on >&7
    exec 7>&-
    cat <&8
    wait $program
    status=$?
    cp disk/log/run.trace run.trace
    exit $status
"#;

/// Whether this user may mount files, and there are the programs for it; says so if not.
fn is_allowed(kind: &str) -> bool {
    let try_it = format!(
        "truncate -s 400M image && mkfs.{kind} -q image >/dev/null 2>&1 && mkdir disk && mount -o loop image disk"
    );
    let folder = tempfile::tempdir().unwrap();
    let mut mount = Command::new("unshare");
    mount.args(["-m", "sh", "-c", &try_it]).current_dir(folder.path()).stderr(Stdio::null());
    let allowed = mount.status().is_ok_and(|status| status.success());
    if !allowed {
        let why = format!("needs mkfs.{kind}, loop devices and a user who may mount {kind}");
        optional::skip(Need::FileSystems, why);
    }
    allowed
}

/// Records into such a filesystem. The program must live; what is said on stderr.
fn record_on(kind: &str, make: &str, share: &str) -> Option<String> {
    if !is_allowed(kind) {
        return None;
    }
    let lab = Lab::new();
    let recorded = lab.recorded("", &[]);
    let mut command =
        lab.untraced("unshare", &["-m", "bash", "-c", SCRIPT, "bash", kind, make, share, "env"]);
    // The program alone is recorded, not what makes its disk.
    for variable in ["LD_PRELOAD", "MEMTRACE_RECORD", "MEMTRACE_FILE"] {
        let mut assignment = OsString::from(format!("{variable}="));
        assignment.push(match recorded.get_envs().find(|(name, _)| *name == variable) {
            Some((_, Some(value))) if variable != "MEMTRACE_FILE" => value.to_owned(),
            _ => lab.path("disk/log/run.trace").into_os_string(),
        });
        command.arg(assignment);
    }
    command.arg(bystander()).arg("wait-between");
    let outcome = outcome(command);
    assert!(outcome.status.success(), "{kind}, {share}: {outcome:?}");
    assert_eq!(outcome.stdout, "went on\n", "{kind}, {share}: {outcome:?}");
    let report = memtrace_analysis::analyze(lab.path("run.trace")).unwrap().report;
    assert_eq!(report.trace.damaged_chunks, 0, "{kind}, {share}");
    assert!(report.trace.events > 1000, "{kind}, {share}: what was recorded before is there");
    Some(outcome.stderr)
}

fn assert_stops(kind: &str, make: &str, share: &str) {
    if let Some(said) = record_on(kind, make, share) {
        assert!(said.contains("recording stops") && said.contains("snapshot"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_full_btrfs_takes_what_was_written_to_it_before() {
    if let Some(said) = record_on("btrfs", "mkdir disk/log", "true") {
        assert!(
            said.is_empty() || said.contains("recording stops") && said.contains("No space left"),
            "{said}"
        );
    }
}

#[test]
fn a_snapshot_of_a_full_btrfs_ends_the_recording_and_not_the_program() {
    assert_stops(
        "btrfs",
        "btrfs subvolume create disk/log >/dev/null",
        "btrfs subvolume snapshot disk/log disk/snapshot",
    );
}

#[test]
fn a_copy_that_shares_its_blocks_with_the_log_does_so_too_on_a_full_xfs() {
    assert_stops("xfs", "mkdir disk/log", "cp --reflink=always disk/log/run.trace disk/copy");
}
