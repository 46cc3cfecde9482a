//! Copies inside of moves. A module moves by copies that a driver is asked for, and both may be recorded: the move by its engine, the copies
//! by whoever sees the driver's calls. They are one transfer: the move counts, the copies are its **parts**.
//!
//! A part names no module. It begins on the thread of a module's move while that is under way and no forward has begun or ended since it began,
//! leaves where the move leaves or comes to where the move goes, and is no larger than the move. So a move of no bytes has no parts: a state
//! dict that is taken over, say, of which only the copies tell how much it was. And copies that overlap are no parts of each other.

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
    /// The borders of forwards that its thread had crossed when it began.
    borders: u64,
}

impl Wholes {
    /// Of so many threads.
    pub(super) fn new(threads: usize) -> Self {
        Self(vec![Vec::new(); threads])
    }

    /// A transfer begins on a thread that has crossed so many borders of forwards. Whether it is a part of one that is under way there.
    pub(super) fn begin(
        &mut self,
        thread: usize,
        key: TransferKey,
        begin: &TransferBegin,
        borders: u64,
    ) -> bool {
        let under_way = &mut self.0[thread];
        under_way.retain(|whole| whole.key != key && whole.borders == borders);
        if begin.module.is_none() {
            return under_way.iter().any(|whole| whole.has_part(begin));
        }
        if begin.size.0 > 0 && under_way.len() < UNDER_WAY {
            under_way.push(Whole { key, begin: *begin, borders });
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
        let same_way = same_place(part.from, self.begin.from) || same_place(part.to, self.begin.to);
        same_way && part.size <= self.begin.size
    }
}

/// Whether both are one memory, page-locked or not.
fn same_place(a: Tier, b: Tier) -> bool {
    let is_host = |tier| matches!(tier, Tier::Host | Tier::Pinned);
    a != Tier::Unknown && (a == b || is_host(a) && is_host(b))
}
