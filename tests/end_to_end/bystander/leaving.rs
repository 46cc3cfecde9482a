use std::{io::Read, os::unix::process::ExitStatusExt, thread, time::Duration};

use memtrace_analysis::report::Report;

use super::{Lab, bystander, outcome};
use crate::survival::running::{Running, wait_until};

fn report(lab: &Lab) -> Report {
    memtrace_analysis::analyze(lab.path("run.trace")).unwrap().report
}

#[test]
fn a_process_whose_main_thread_leaves_ends_with_the_last_of_the_others() {
    let lab = Lab::new();
    let untraced = outcome(lab.untraced(bystander(), &["leave-main"]));
    assert_eq!(untraced.stdout, "worked\n", "what a stream held is written at the end");
    assert_eq!(outcome(lab.recorded(bystander(), &["leave-main"])).assert_unchanged(&untraced), "");
    assert!(report(&lab).trace.events >= 2000);
}

#[test]
fn a_signal_ends_a_process_whose_main_thread_left() {
    let lab = Lab::new();
    let mut child = lab.recorded(bystander(), &["leave-main-for-good"]).spawn().unwrap();
    let mut said = [0; 5];
    child.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
    thread::sleep(Duration::from_millis(50));
    // SAFETY: the process is a child that was not waited for.
    unsafe { libc::kill(child.id().cast_signed(), libc::SIGTERM) };
    assert_eq!(Running::from(child).outcome().status.signal(), Some(libc::SIGTERM));
}

#[test]
fn a_process_under_strict_seccomp_ends_with_its_own_status() {
    let lab = Lab::new();
    let untraced = outcome(lab.untraced(bystander(), &["strict-seccomp"]));
    assert_eq!(untraced.status.code(), Some(7));
    assert_eq!(outcome(lab.recorded(bystander(), &["strict-seccomp"])).assert_unchanged(&untraced), "");
    assert!(report(&lab).trace.events >= 20);
}

#[test]
fn nobody_waits_for_the_end_of_a_stderr_that_the_program_closed() {
    let lab = Lab::new();
    let mut child = lab.recorded(bystander(), &["close-stderr"]).spawn().unwrap();
    let mut said = [0; 6];
    child.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let end = thread::spawn(move || stderr.read_to_end(&mut Vec::new()));
    wait_until("stderr ends", || end.is_finished());
    Running::from(child).kill();
}
