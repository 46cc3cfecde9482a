//! Numbers in events. The program writes it this way and the tests read it this way.
#![allow(dead_code, reason = "the program writes and the tests read")]

/// Which event it is of which stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    /// Events that happen one after the other: those of a thread, or of a signal's handler.
    pub(crate) stream: u16,
    /// Counts the events of the stream from 1.
    pub(crate) count: u64,
}

impl Number {
    /// The number as the value of a mark or the address of a block.
    pub(crate) fn bits(self) -> u64 {
        u64::from(self.stream) << 48 | self.count
    }

    pub(crate) fn from_bits(bits: u64) -> Self {
        Self { stream: (bits >> 48) as u16, count: bits & ((1 << 48) - 1) }
    }

    /// Every fourth event is a block, which takes a record and an extension; the others are marks.
    pub(crate) fn is_block(self) -> bool {
        self.count.is_multiple_of(4)
    }

    /// The size of the block. It follows from the number, so that a torn record shows.
    pub(crate) fn size(self) -> u64 {
        4096 + self.count * 64 + u64::from(self.stream % 64)
    }

    /// The bytes asked for.
    pub(crate) fn requested(self) -> u64 {
        self.size() - 1 - self.count % 1000
    }
}

/// How many streams there is room for.
pub(crate) const STREAMS: usize = 4096;

/// The streams of the handlers of signals.
pub(crate) const HANDLERS: [u16; 2] = [4001, 4002];

/// What happens inside the tracer.
pub(crate) const INSIDE: u16 = 4003;

/// What must not be in the log: what a child records.
pub(crate) const CHILD: u16 = 4004;

/// Not a stream: the process id of the daemon.
pub(crate) const DAEMON: u16 = 4005;

/// What a child names; it must not be in the log either.
pub(crate) const CHILD_NAME: &str = "a child speaks";

/// Not streams: how much each of the streams below had acknowledged when the process began to end.
pub(crate) const BEFORE_THE_END: u16 = 2048;

/// The streams of children that record: this many for the child of each fork.
pub(crate) const CHILDREN: u16 = 1000;

/// A child's streams: of the thread that forked, of a thread of the child's own, of a child of its own.
pub(crate) const STREAMS_OF_A_CHILD: u16 = 3;

/// A name that only a child that records uses.
pub(crate) const FOLLOWER_NAME: &str = "a child follows";
