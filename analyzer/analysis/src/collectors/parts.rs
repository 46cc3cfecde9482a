//! Copies inside of moves. A module moves by copies that a driver is asked for, and both may be recorded: the move by its engine, the copies
//! by whoever sees the driver's calls. They are one transfer: the move counts, the copies are its **parts**.
//!
//! A part begins on the thread of a move while that is under way, names no module or the same one, leaves where the move leaves or comes to
//! where the move goes, and all parts together are no more than the move. A move of no bytes has none: a state dict that is taken over, say,
//! of which only the copies tell how much it was.

use memtrace_format::{Tier, TransferBegin};

use crate::model::TransferKey;

/// The most moves that are under way on one thread and are looked at.
const UNDER_WAY: usize = 64;

/// The moves that are under way, by the thread that began them.
#[derive(Debug)]
pub(super) struct Wholes(Vec<Vec<Whole>>);

#[derive(Clone, Copy, Debug)]
struct Whole {
    key: TransferKey,
    begin: TransferBegin,
    /// The bytes of it that are in no part yet.
    left: u64,
}

impl Wholes {
    /// Of so many threads.
    pub(super) fn new(threads: usize) -> Self {
        Self(vec![Vec::new(); threads])
    }

    /// A transfer begins on a thread. Whether it is a part of one that is under way there; else it may have parts of its own.
    pub(super) fn begin(&mut self, thread: usize, key: TransferKey, begin: &TransferBegin) -> bool {
        let under_way = &mut self.0[thread];
        under_way.retain(|whole| whole.key != key);
        if let Some(whole) = under_way.iter_mut().rfind(|whole| whole.has_part(begin)) {
            whole.left -= begin.size.0;
            return true;
        }
        if begin.size.0 > 0 && under_way.len() < UNDER_WAY {
            under_way.push(Whole { key, begin: *begin, left: begin.size.0 });
        }
        false
    }

    /// A transfer that began on this thread ends.
    pub(super) fn end(&mut self, thread: usize, key: TransferKey) {
        self.0[thread].retain(|whole| whole.key != key);
    }
}

impl Whole {
    fn has_part(&self, part: &TransferBegin) -> bool {
        let same_module = part.module.is_none() || part.module == self.begin.module;
        let same_way = same_place(part.from, self.begin.from) || same_place(part.to, self.begin.to);
        same_module && same_way && part.size.0 <= self.left
    }
}

/// Whether both are one memory, page-locked or not.
fn same_place(a: Tier, b: Tier) -> bool {
    let is_host = |tier| matches!(tier, Tier::Host | Tier::Pinned);
    a != Tier::Unknown && (a == b || is_host(a) && is_host(b))
}
