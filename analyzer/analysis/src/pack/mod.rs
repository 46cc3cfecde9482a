//! A log made small enough to attach to a report, and read as it lies.
//!
//! `docs/packed.md` draws the file. A packed log is one stored entry of a ZIP archive, for that is what issue trackers accept;
//! within it, chunks of one thread are packed together, column by column, so that a chunk is read without the rest of the file.
//! Unpacked, a log has every byte that it had.

mod packer;
mod unpacker;

pub use packer::{PackError, Packed, pack};
pub use unpacker::{Unpacked, unpack};
