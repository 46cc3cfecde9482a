//! The overlap of transfers with computation: the transfers that were hidden, and those that could have been.
//!
//! A thread computes while a forward is open on it whose weights are on a device, and no transfer that it began is under
//! way. A transfer that its thread goes past (a forward begins or ends there, or the end is recorded elsewhere) does not hold
//! that thread up, from its beginning on. **Hidden** is the time of a transfer in which any thread computed something else
//! than its own unit. What is not followed (too many transfers or threads at once) is not hidden, so hidden is never too much.

use memtrace_format::ModuleId;

use super::swaps::in_one_unit;
use crate::{Nanos, model::TransferKey, source::Definitions};

/// The most transfers that are watched at a time.
const WATCHED: usize = 64;

/// The most threads that are taken to compute at a time.
const COMPUTING: usize = 64;

/// The most forwards of a thread that are followed, one inside another.
const DEPTH: usize = 256;

/// Watches what is computed while transfers are under way.
#[derive(Debug)]
pub(crate) struct Overlap<'a> {
    definitions: &'a Definitions,
    threads: Vec<Work>,
    /// Threads with a forward open.
    active: Vec<usize>,
    watched: Vec<Watched>,
    last: Nanos,
}

/// A forward that is open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenForward {
    pub(crate) module: ModuleId,
    pub(crate) began: Nanos,
}

/// What a thread is doing.
#[derive(Clone, Debug, Default)]
struct Work {
    forwards: Vec<OpenForward>,
    /// Whether the weights of the innermost forward are on a device.
    equipped: bool,
    /// The transfers under way that hold it up.
    held_up: u32,
    since: Nanos,
    /// How long it has computed since it last waited for weights.
    computed: Nanos,
}

#[derive(Clone, Copy, Debug)]
struct Watched {
    key: TransferKey,
    thread: usize,
    module: ModuleId,
    /// Its thread has gone past it.
    passed: bool,
    hidden: Nanos,
    /// What is hidden if its thread goes past it.
    hidden_if_passed: Nanos,
}

impl Work {
    fn computes(&self) -> bool {
        self.held_up == 0 && self.equipped && !self.forwards.is_empty()
    }

    /// Brings the time that it has computed up to now.
    fn settle(&mut self, now: Nanos) {
        if self.computes() {
            self.computed = self.computed.plus(now.since(self.since));
        }
        self.since = now;
    }

    fn equip(&mut self, equipped: impl Fn(ModuleId) -> bool) {
        self.equipped = self.forwards.last().is_some_and(|forward| equipped(forward.module));
    }

    fn computes_other_than(&self, module: ModuleId, definitions: &Definitions) -> bool {
        let Some(forward) = self.forwards.last().filter(|_| self.equipped) else { return false };
        module.is_none() || !in_one_unit(definitions, forward.module, module)
    }
}

impl<'a> Overlap<'a> {
    pub(crate) fn new(definitions: &'a Definitions, threads: usize) -> Self {
        Self {
            definitions,
            threads: vec![Work::default(); threads],
            active: Vec::new(),
            watched: Vec::new(),
            last: Nanos(0),
        }
    }

    /// Begins to count anew; what is open stays open.
    pub(crate) fn reset_at(&mut self, now: Nanos) {
        self.advance(now);
        for work in &mut self.threads {
            (work.since, work.computed) = (now, Nanos(0));
        }
        for transfer in &mut self.watched {
            (transfer.hidden, transfer.hidden_if_passed) = (Nanos(0), Nanos(0));
        }
    }

    /// A forward begins; `equipped` says whether a module's weights are on a device.
    pub(crate) fn forward_begins(
        &mut self,
        now: Nanos,
        thread: usize,
        module: ModuleId,
        equipped: impl Fn(ModuleId) -> bool,
    ) {
        self.pass(now, thread);
        let work = &mut self.threads[thread];
        if work.forwards.is_empty() && self.active.len() < COMPUTING {
            self.active.push(thread);
        }
        if work.forwards.len() < DEPTH {
            work.forwards.push(OpenForward { module, began: now });
        }
        work.equip(equipped);
    }

    /// A forward ends, and with it those inside it whose ends are missing. Returns it; none if its begin is missing.
    pub(crate) fn forward_ends(
        &mut self,
        now: Nanos,
        thread: usize,
        module: ModuleId,
        equipped: impl Fn(ModuleId) -> bool,
    ) -> Option<OpenForward> {
        self.pass(now, thread);
        let work = &mut self.threads[thread];
        let at = work.forwards.iter().rposition(|open| open.module == module)?;
        let ended = work.forwards[at];
        work.forwards.truncate(at);
        if work.forwards.is_empty() {
            self.active.retain(|&active| active != thread);
        }
        work.equip(equipped);
        Some(ended)
    }

    /// A transfer begins.
    pub(crate) fn transfer_begins(&mut self, now: Nanos, thread: usize, key: TransferKey, module: ModuleId) {
        self.advance(now);
        self.forget(now, key);
        if self.watched.len() == WATCHED {
            return;
        }
        let work = &mut self.threads[thread];
        work.settle(now);
        work.held_up += 1;
        let (hidden, hidden_if_passed) = (Nanos(0), Nanos(0));
        self.watched.push(Watched { key, thread, module, passed: false, hidden, hidden_if_passed });
    }

    /// A transfer ends on a thread. Returns for how long it was hidden.
    pub(crate) fn transfer_ends(&mut self, now: Nanos, thread: usize, key: TransferKey) -> Nanos {
        self.advance(now);
        self.threads[thread].settle(now);
        let Some(ended) = self.forget(now, key) else { return Nanos(0) };
        let passed = ended.passed || ended.thread != thread;
        if passed { ended.hidden_if_passed } else { ended.hidden }
    }

    /// Modules have come or gone: looks again whose weights are on a device.
    pub(crate) fn moved(&mut self, now: Nanos, equipped: impl Fn(ModuleId) -> bool) {
        for &thread in &self.active {
            self.threads[thread].settle(now);
            self.threads[thread].equip(&equipped);
        }
    }

    /// A thread has waited so long for weights. Returns how much of that it had computed before: what could have been
    /// hidden if the load had begun as early.
    pub(crate) fn waited(&mut self, thread: usize, waited: Nanos) -> Nanos {
        std::mem::take(&mut self.threads[thread].computed).min(waited)
    }

    /// A thread goes past the transfers that it began.
    fn pass(&mut self, now: Nanos, thread: usize) {
        self.advance(now);
        for transfer in self.watched.iter_mut().filter(|transfer| transfer.thread == thread) {
            transfer.passed = true;
            transfer.hidden = transfer.hidden_if_passed;
        }
        let work = &mut self.threads[thread];
        work.settle(now);
        work.held_up = 0;
    }

    fn forget(&mut self, now: Nanos, key: TransferKey) -> Option<Watched> {
        let at = self.watched.iter().position(|transfer| transfer.key == key)?;
        let ended = self.watched.swap_remove(at);
        if !ended.passed {
            let work = &mut self.threads[ended.thread];
            work.settle(now);
            work.held_up = work.held_up.saturating_sub(1);
        }
        Some(ended)
    }

    /// Hands the time since the last change to the transfers that it hid.
    fn advance(&mut self, now: Nanos) {
        let slice = now.since(self.last);
        self.last = now;
        if slice.0 == 0 || self.active.is_empty() {
            return;
        }
        for transfer in &mut self.watched {
            let by_others = self.active.iter().any(|&thread| {
                let other = &self.threads[thread];
                thread != transfer.thread
                    && other.held_up == 0
                    && other.computes_other_than(transfer.module, self.definitions)
            });
            let own = &self.threads[transfer.thread];
            // Until it has gone past it, what holds the thread up may be this transfer.
            let free = !transfer.passed || own.held_up == 0;
            let by_own = free && own.computes_other_than(transfer.module, self.definitions);
            if by_others || by_own {
                transfer.hidden_if_passed = transfer.hidden_if_passed.plus(slice);
            }
            if by_others || (by_own && transfer.passed) {
                transfer.hidden = transfer.hidden.plus(slice);
            }
        }
    }
}
