use memtrace_format::DropCause;

use super::{Lab, closing, compile, outcome};
use crate::programs;

#[test]
fn a_handler_that_leaves_an_event_for_good_costs_that_event() {
    const JUMPS: u64 = 300;
    let lab = Lab::new();
    let folder = programs::c_library().parent().unwrap();
    let (search, find) = (format!("-L{}", folder.display()), format!("-Wl,-rpath,{}", folder.display()));
    let program = compile("jumper", &[search.as_ref(), find.as_ref(), "-lmemtrace".as_ref()]);
    let mut command = lab.untraced(program, &[]);
    command.env("MEMTRACE_FILE", lab.path("run.trace"));
    let outcome = outcome(command);
    assert!(outcome.status.success(), "{outcome:?}");
    let made: u64 = outcome.stdout.trim().parse().unwrap();
    let drops = closing(&lab).drops;
    assert!(drops.of(DropCause::Reentrant) <= JUMPS, "{made} events, {drops:?}");
    let report = memtrace_analysis::analyze(lab.path("run.trace")).unwrap().report;
    assert_eq!(report.trace.damaged_chunks, 0);
    // A jump may come before an event is begun, or when it is over.
    let known = report.trace.events + drops.total();
    assert!(known.abs_diff(made) <= JUMPS, "{known} of {made} events");
}
