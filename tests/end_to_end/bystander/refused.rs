use std::{collections::BTreeSet, fs, os::unix::process::CommandExt, path::Path, process::Command};

use memtrace_format::{DropCause, Ending};

use super::{Lab, bystander, closing, outcome};
use crate::{
    optional::{self, Need},
    programs,
};

/// Lets `fallocate` fail with this error where the file is to grow behind `offset`, and in the program alone.
fn refuse_room(command: &mut Command, error: i32, offset: u32) {
    const ALLOW: u32 = 0x7fff_0000;
    const FAIL: u32 = 0x0005_0000;
    let step =
        |code: u32, yes: u8, no: u8, k: u32| libc::sock_filter { code: code as u16, jt: yes, jf: no, k };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let filter = [
        step(load, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 3, libc::SYS_fallocate as u32),
        // The lower half of the third argument.
        step(load, 0, 0, 32),
        step(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, offset),
        step(libc::BPF_RET, 0, 0, FAIL | error as u32),
        step(libc::BPF_RET, 0, 0, ALLOW),
    ];
    // SAFETY: prctl may be called between fork and exec, and the filter is there for as long as it takes.
    unsafe {
        command.pre_exec(move || {
            let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
            let set = libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0;
            if set { Ok(()) } else { Err(std::io::Error::last_os_error()) }
        });
    }
}

/// What is recorded needs more than one extent of file, and less than the tracer maps ahead at first.
const ROUNDS: &str = "200000";

#[test]
fn a_call_that_is_always_interrupted_holds_nothing_up() {
    let lab = Lab::new();
    let untraced = outcome(lab.untraced(bystander(), &["work", ROUNDS]));
    let mut command = lab.recorded(bystander(), &["work", ROUNDS]);
    refuse_room(&mut command, libc::EINTR, 0);
    let outcome = outcome(command);
    let line = outcome.assert_unchanged(&untraced);
    assert!(line.contains("not recording") && line.contains("Interrupted"), "{line}");
}

#[test]
fn a_quota_that_is_used_up_is_a_full_disk() {
    let lab = Lab::new();
    let untraced = outcome(lab.untraced(bystander(), &["work", ROUNDS]));
    let mut command = lab.recorded(bystander(), &["work", ROUNDS]);
    refuse_room(&mut command, libc::EDQUOT, 4 << 20);
    let outcome = outcome(command);
    let line = outcome.assert_unchanged(&untraced);
    assert!(line.contains("recording stops") && line.contains("quota"), "{line}");
    let closing = closing(&lab);
    assert_eq!(closing.ending, Ending::Stopped);
    assert!(closing.drops.of(DropCause::DiskFull) > 0, "{closing:?}");
    assert_eq!(closing.drops.of(DropCause::Failed), 0, "{closing:?}");
}

/// The system calls of a run, as `strace` saw them.
fn calls(trace: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(trace).unwrap();
    let call = |line: &str| {
        let rest = line.split_once(' ')?.1.trim_start();
        let name = rest.split_once('(')?.0;
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_').then(|| name.to_owned())
    };
    text.lines().filter_map(call).collect()
}

#[test]
fn the_doctor_lists_the_calls_of_a_recording() {
    let lab = Lab::new();
    let traced = |name: &str, preload: Option<&Path>| {
        let mut command = lab.untraced("strace", &["-f", "-o", name]);
        if let Some(library) = preload {
            command.arg("-E").arg(format!("LD_PRELOAD={}", library.display()));
            command.args([
                "-E",
                "MEMTRACE_RECORD=on",
                "-E",
                "MEMTRACE_FILE=run.trace",
                "-E",
                "MEMTRACE_SAMPLE=host=100",
            ]);
            command.args(["-E", "MEMTRACE_MAX_SIZE=1MiB"]);
        }
        command.arg(bystander()).args(["work", "20000"]);
        command.status().is_ok_and(|status| status.success()).then(|| calls(&lab.path(name)))
    };
    let (Some(own), Some(recorded)) = (traced("own", None), traced("recorded", Some(programs::c_library())))
    else {
        return optional::skip(Need::Strace, "needs strace, and leave to trace");
    };
    assert!(recorded.contains("fallocate"), "it was recorded: {recorded:?}");
    let doctor = programs::memtrace().args(["doctor", "--json"]).output().unwrap();
    let checks: serde_json::Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let sandbox = checks.as_array().unwrap().iter().find(|check| check["what"] == "sandbox").unwrap();
    // Under a filter the list is a part of what was found.
    let said = format!("{} {}", sandbox["found"], sandbox["details"]);
    let listed: BTreeSet<&str> = said.split([' ', ',', '"']).collect();
    let missing: Vec<&String> =
        recorded.difference(&own).filter(|call| !listed.contains(call.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
