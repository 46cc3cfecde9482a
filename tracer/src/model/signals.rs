use std::{cell::Cell, rc::Rc};

use memtrace_format::DropCause;

use super::stage::{Engine, Stage};
use crate::sync::own_thread::{self, Signal};

/// More accesses than any of these threads makes.
const MOST: usize = 400;

/// Runs `thread` with a signal at each of its accesses in turn, whose handler records a mark, and in some runs with a second
/// signal at each access of the first one's handler. Then everything must be in the log, or counted as lost.
fn interrupt(nested: bool, thread: impl Fn(&Engine, &Stage) -> u64 + Copy + Sync + Send + 'static) {
    let (mut at, mut inner_at) = (0, 0);
    loop {
        let outcome = Rc::new(Cell::new(None));
        // One thread: one order.
        loom::model({
            let outcome = Outcome(Rc::clone(&outcome));
            move || outcome.set(run(at, nested.then_some(inner_at), thread))
        });
        match outcome.get().expect("the model ran") {
            // The second signal came too late: the first comes one access later.
            Came { first: true, second: false } if nested => (at, inner_at) = (at + 1, 0),
            Came { first: true, .. } if nested => inner_at += 1,
            Came { first: true, .. } => at += 1,
            Came { first: false, .. } => break,
        }
        assert!(at < MOST && inner_at < MOST);
    }
    assert!(at > 20, "signals came at {at} accesses");
}

/// Which signals came.
#[derive(Clone, Copy)]
struct Came {
    first: bool,
    second: bool,
}

fn run(at: usize, inner_at: Option<usize>, thread: impl Fn(&Engine, &Stage) -> u64) -> Came {
    let stage = Rc::new(Stage::ready(3));
    let engine = Rc::new(Engine::new());
    let made = Rc::new(Cell::new(0));
    let signal = |accesses, number| {
        let (stage, engine, made) = (Rc::clone(&stage), Rc::clone(&engine), Rc::clone(&made));
        let handler = move || {
            made.set(made.get() + 1);
            engine.mark(&stage, number);
        };
        Signal { accesses, handler: Rc::new(handler) }
    };
    let signals = [signal(at, 1001)].into_iter().chain(inner_at.map(|at| signal(at, 1002)));
    own_thread::expect(signals);
    let recorded = thread(&engine, &stage);
    let left = own_thread::expect([]).len();
    let came = usize::from(inner_at.is_some()) + 1 - left;

    engine.give_up_chunk(&stage);
    stage.log.seal_retired(|_, _| {});
    let drops = stage.drops();
    assert_eq!(drops.total(), drops.of(DropCause::Reentrant));
    let (marks, _) = stage.marks();
    let handled: Vec<u64> = marks.iter().copied().filter(|&mark| mark > 1000).collect();
    assert!(marks.is_sorted_by(|a, b| a < b), "{marks:?}");
    assert_eq!(
        marks.len() - handled.len(),
        recorded as usize,
        "the thread's own events are never lost: {marks:?}"
    );
    assert_eq!(handled.len() as u64 + drops.total(), made.get(), "{marks:?}, {drops:?}");
    Came { first: came > 0, second: came > 1 }
}

/// A place outside of the model, which has one thread.
struct Outcome(Rc<Cell<Option<Came>>>);

impl Outcome {
    fn set(&self, came: Came) {
        self.0.set(Some(came));
    }
}

// SAFETY: a model of one thread runs on the thread that starts it.
unsafe impl Sync for Outcome {}
// SAFETY: as above.
unsafe impl Send for Outcome {}

/// Marks that fill a chunk and go on into the next.
fn record(engine: &Engine, stage: &Stage) -> u64 {
    (1..=6).for_each(|number| engine.mark(stage, number));
    6
}

/// Marks with the chunk given up between them.
fn record_and_give_up(engine: &Engine, stage: &Stage) -> u64 {
    engine.mark(stage, 1);
    engine.give_up_chunk(stage);
    engine.mark(stage, 2);
    engine.give_up_chunk(stage);
    2
}

#[test]
fn a_signal_at_any_instant_of_a_recording_thread_loses_nothing_of_the_thread_s() {
    interrupt(false, record);
}

#[test]
fn nor_does_a_signal_in_a_signal_s_handler() {
    interrupt(true, record_and_give_up);
}

#[test]
fn nor_one_that_comes_while_the_chunk_is_given_up() {
    interrupt(false, record_and_give_up);
}
