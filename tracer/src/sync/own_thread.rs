//! State that one thread and its signal handlers share, in a model: every access is a point at which a signal can come.
//!
//! A handler runs to its end while the thread stands still, so there are only so many ways in which the two can meet: one
//! for each access. A test tries all of them.

use std::{cell::RefCell, rc::Rc, sync::atomic::Ordering};

/// A signal to come: at how many accesses from now, and what its handler does.
pub(crate) struct Signal {
    pub(crate) accesses: usize,
    pub(crate) handler: Rc<dyn Fn()>,
}

thread_local! {
    /// Signals to come, the next one last: the counting of one begins when the one before it has come.
    static SIGNALS: RefCell<Vec<Signal>> = const { RefCell::new(Vec::new()) };
}

/// Lets these signals come, the first of them first. Returns those that had not come of a call before.
pub(crate) fn expect(signals: impl IntoIterator<Item = Signal>) -> Vec<Signal> {
    let mut signals: Vec<Signal> = signals.into_iter().collect();
    signals.reverse();
    SIGNALS.replace(signals)
}

/// Here a signal can come.
fn access() {
    let due = SIGNALS.with_borrow_mut(|signals| {
        let next = signals.last_mut()?;
        if next.accesses > 0 {
            next.accesses -= 1;
            return None;
        }
        signals.pop()
    });
    if let Some(signal) = due {
        (signal.handler)();
    }
}

pub(crate) struct Cell<T>(std::cell::Cell<T>);

impl<T> Cell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::cell::Cell::new(value))
    }

    pub(crate) fn set(&self, value: T) {
        access();
        self.0.set(value);
    }

    pub(crate) fn replace(&self, value: T) -> T {
        access();
        self.0.replace(value)
    }
}

impl<T: Copy> Cell<T> {
    pub(crate) fn get(&self) -> T {
        access();
        self.0.get()
    }
}

impl<T: Default> Cell<T> {
    pub(crate) fn take(&self) -> T {
        access();
        self.0.take()
    }
}

pub(crate) struct AtomicUsize(std::sync::atomic::AtomicUsize);

impl AtomicUsize {
    pub(crate) const fn new(value: usize) -> Self {
        Self(std::sync::atomic::AtomicUsize::new(value))
    }

    pub(crate) fn load(&self, ordering: Ordering) -> usize {
        access();
        self.0.load(ordering)
    }

    pub(crate) fn store(&self, value: usize, ordering: Ordering) {
        access();
        self.0.store(value, ordering);
    }
}
