//! When work on streams is done: on a clock that counts pieces of work, so that a program that is run again finds the same.
//!
//! Bytes move when their call is made. What lags behind is only what a program is told: a piece of work takes as long as it takes to
//! put so many on streams, after those before it on its stream; it is done at once when somebody waits for it, and to ask takes time.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::handle::{self, Handle};

/// The instant at which a piece of work is done; 0 is before all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Work(u64);

/// A stream of a context: the default stream is one for each.
type Place = (Handle, Handle);

pub(crate) struct Order {
    lag: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    now: u64,
    last: HashMap<Place, Work>,
}

impl Order {
    pub(crate) fn new(lag: u64) -> Self {
        Self { lag, state: Mutex::default() }
    }

    /// A piece of work is put on a stream.
    pub(crate) fn put(&self, place: Place) {
        let mut state = handle::lock(&self.state);
        state.now += 1;
        let begins = state.last_on(place).max(Work(state.now));
        state.last.insert(place, Work(begins.0 + self.lag));
    }

    /// The last piece of work on a stream.
    pub(crate) fn last(&self, place: Place) -> Work {
        handle::lock(&self.state).last_on(place)
    }

    /// Nothing more is done on a stream before `work` is.
    pub(crate) fn hold_back(&self, place: Place, work: Work) {
        let mut state = handle::lock(&self.state);
        let last = state.last_on(place).max(work);
        state.last.insert(place, last);
    }

    /// Whether it is done; to ask takes time.
    pub(crate) fn is_done(&self, work: Work) -> bool {
        let mut state = handle::lock(&self.state);
        let done = work.0 <= state.now;
        if !done {
            state.now += 1;
        }
        done
    }

    /// It is waited for.
    pub(crate) fn wait(&self, work: Work) {
        let mut state = handle::lock(&self.state);
        state.now = state.now.max(work.0);
    }

    /// All that was put on streams of a context is waited for.
    pub(crate) fn wait_for_all(&self, context: Handle) {
        let mut state = handle::lock(&self.state);
        let last = state.last.iter().filter(|((of, _), _)| *of == context).map(|(_, work)| work.0).max();
        state.now = state.now.max(last.unwrap_or(0));
    }

    pub(crate) fn forget(&self, context: Handle) {
        handle::lock(&self.state).last.retain(|(of, _), _| *of != context);
    }
}

impl State {
    fn last_on(&self, place: Place) -> Work {
        self.last.get(&place).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Place = (Handle(1), Handle(10));
    const OTHER: Place = (Handle(1), Handle(20));

    #[test]
    fn work_is_done_when_as_much_has_followed_it() {
        let order = Order::new(2);
        order.put(ONE);
        let work = order.last(ONE);
        order.put(OTHER);
        assert!(work > Work(2));
        order.put(OTHER);
        assert!(order.is_done(work));
        let last = order.last(OTHER);
        let questions = (0..10).take_while(|_| !order.is_done(last)).count();
        assert_eq!(questions, 3, "the second begins when the first is done, one later");
    }

    #[test]
    fn a_stream_waits_for_another() {
        let order = Order::new(5);
        order.put(ONE);
        let work = order.last(ONE);
        order.hold_back(OTHER, work);
        order.put(OTHER);
        assert!(order.last(OTHER) > work);
        order.wait(order.last(OTHER));
        assert!(order.is_done(work));
    }

    #[test]
    fn without_a_lag_nothing_is_ever_behind() {
        let order = Order::new(0);
        order.put(ONE);
        assert!(order.is_done(order.last(ONE)));
    }
}
