//! Copies inside of moves. A module moves by copies that a driver is asked for, and both may be recorded: the move by its engine, the copies
//! by whoever sees the driver's calls. They are one transfer: the move counts, the copies are its **parts**.
//!
//! A part names no module. It begins on the thread of a module's move while that is under way, leaves where the move leaves or comes to where
//! the move goes, is no larger than the move, and ends before it. So a move of no bytes has no parts: a state dict that is taken over, say, of
//! which only the copies tell how much it was. And copies that overlap are no parts of each other.

use memtrace_format::{Tier, TransferBegin};

use crate::model::TransferKey;

/// The most moves that are under way on one thread and are looked at.
const UNDER_WAY: usize = 64;

/// The moves that are under way, by the thread that began them.
#[derive(Debug)]
pub(super) struct Wholes(Vec<Vec<Whole>>);

#[derive(Clone, Debug)]
struct Whole {
    key: TransferKey,
    begin: TransferBegin,
    /// What is under way and may be a part of it: of several moves that a copy lies within, whichever ends after it.
    parts: Vec<TransferKey>,
}

impl Wholes {
    /// Of so many threads.
    pub(super) fn new(threads: usize) -> Self {
        Self(vec![Vec::new(); threads])
    }

    /// A transfer begins on a thread. Whether it is a part of one that is under way there.
    pub(super) fn begin(&mut self, thread: usize, key: TransferKey, begin: &TransferBegin) -> bool {
        let under_way = &mut self.0[thread];
        if begin.module.is_none() {
            let wholes = under_way.iter_mut().filter(|whole| whole.has_part(begin));
            return wholes.map(|whole| whole.parts.push(key)).count() > 0;
        }
        if begin.size.0 > 0 && under_way.len() < UNDER_WAY {
            under_way.push(Whole { key, begin: *begin, parts: Vec::new() });
        }
        false
    }

    /// A transfer that began on this thread ends. What was under way within it, and within no other move, is a part of nothing any more.
    pub(super) fn end(&mut self, thread: usize, key: TransferKey) -> Vec<TransferKey> {
        let under_way = &mut self.0[thread];
        for whole in under_way.iter_mut() {
            whole.parts.retain(|part| *part != key);
        }
        let Some(place) = under_way.iter().position(|whole| whole.key == key) else { return Vec::new() };
        let mut parts = under_way.remove(place).parts;
        parts.retain(|part| !under_way.iter().any(|whole| whole.parts.contains(part)));
        parts
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
