use memtrace_format::DropCause;

use super::{
    numbering::HANDLERS,
    tally::{drops, missing, tally},
    trial::Trial,
};

/// Every event is in the log or counted; those of the thread itself are lost for no reason but a missing chunk, and those of
/// handlers for no other reason than that or that they came inside the tracer.
fn assert_accounted(trial: &mut Trial) {
    trial.succeed();
    let log = trial.log();
    let acknowledged = trial.acknowledged();
    let streams = tally(&log);
    let drops = drops(&log);
    let lost = |stream: u16| {
        let tally = streams.get(&stream).copied().unwrap_or_default();
        acknowledged[usize::from(stream)] - tally.last + tally.missing
    };
    let by_handlers: u64 = HANDLERS.into_iter().map(lost).sum();
    assert_eq!(missing(&log, &acknowledged), drops.total(), "{drops:?}, lost by handlers: {by_handlers}");
    assert!(lost(0) <= drops.of(DropCause::NoChunk), "{drops:?}: {}", lost(0));
    assert!(by_handlers >= drops.of(DropCause::Reentrant), "{drops:?}: {by_handlers}");
    assert_eq!(drops.total(), drops.of(DropCause::NoChunk) + drops.of(DropCause::Reentrant), "{drops:?}");
}

#[test]
fn a_storm_of_signals_tears_and_loses_nothing() {
    // How often a signal comes at a certain instruction differs from run to run.
    for _ in 0..5 {
        assert_accounted(&mut Trial::new("storm", 1, 3000));
    }
}

#[test]
fn a_profilers_timer_tears_and_loses_nothing() {
    assert_accounted(&mut Trial::new("profile", 1, 50));
}

#[test]
fn a_fork_in_a_handler_hurts_neither_parent_nor_child() {
    // Its acknowledgements die with it: the children, which finish what the parent was about to acknowledge, have their own.
    let trial = Trial::without_a_file("fork-in-handler", 1, 300);
    let log = trial.path("run.trace");
    let mut trial = trial.env("MEMTRACE_FILE", log).sampled();
    let outcome = trial.run();
    assert!(outcome.status.success(), "{outcome:?}");
    tally(&trial.log());
}
