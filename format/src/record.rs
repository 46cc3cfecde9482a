//! The record: 32 bytes that hold one event, and the last word that commits it.

use rkyv::{Portable, bytecheck::CheckBytes, rend::u64_le};

use crate::Ticks;

/// One event as it lies in an event chunk. It is its own archived form: little-endian, 8-byte aligned, no padding.
///
/// | offset | size | field |
/// | --- | --- | --- |
/// | 0 | 8 | time, in ticks of the log's clock |
/// | 8 | 8 | value: an address, or what the kind says |
/// | 16 | 8 | size in bytes, or what the kind says |
/// | 24 | 8 | [`Word`]: id, pool, kind and flags |
///
/// A writer stores the word last, with Release ordering. A word of zero means that the record is not written yet: fresh
/// file pages are zero, so committing a record costs nothing beyond its own stores.
#[derive(Clone, Copy, Debug, Portable, CheckBytes)]
#[bytecheck(crate = rkyv::bytecheck)]
#[repr(C)]
pub struct Record {
    time: u64_le,
    value: u64_le,
    size: u64_le,
    word: u64_le,
}

impl Record {
    /// The size of a record in the file.
    pub const BYTES: usize = 32;

    /// The place of the word in a record.
    pub const WORD_OFFSET: usize = 24;

    /// The place of the kind in a record.
    pub const KIND_OFFSET: usize = 30;

    /// A record of these four fields.
    #[inline(always)]
    pub const fn new(time: Ticks, value: u64, size: u64, word: Word) -> Self {
        Self {
            time: u64_le::from_native(time.0),
            value: u64_le::from_native(value),
            size: u64_le::from_native(size),
            word: u64_le::from_native(word.0),
        }
    }

    /// When it happened.
    #[inline(always)]
    pub const fn time(&self) -> Ticks {
        Ticks(self.time.to_native())
    }

    /// The address, or what the kind says.
    #[inline(always)]
    pub const fn value(&self) -> u64 {
        self.value.to_native()
    }

    /// The size, or what the kind says.
    #[inline(always)]
    pub const fn size(&self) -> u64 {
        self.size.to_native()
    }

    /// The word that commits the record.
    #[inline(always)]
    pub const fn word(&self) -> Word {
        Word(self.word.to_native())
    }

    /// The four fields as little-endian integers in the order of the file, for a writer that stores them one by one.
    #[inline(always)]
    pub const fn fields(&self) -> [u64; 4] {
        [
            self.time.to_native().to_le(),
            self.value.to_native().to_le(),
            self.size.to_native().to_le(),
            self.word.to_native().to_le(),
        ]
    }

    /// The record's bytes in the file.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (place, field) in bytes.chunks_exact_mut(8).zip([
            self.time.to_native(),
            self.value.to_native(),
            self.size.to_native(),
            self.word.to_native(),
        ]) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        bytes
    }
}

const _: () = {
    assert!(size_of::<Record>() == Record::BYTES);
    assert!(align_of::<Record>() == 8);
    assert!(core::mem::offset_of!(Record, time) == 0);
    assert!(core::mem::offset_of!(Record, value) == 8);
    assert!(core::mem::offset_of!(Record, size) == 16);
    assert!(core::mem::offset_of!(Record, word) == Record::WORD_OFFSET);
};

/// The last eight bytes of a record: `{id: 4, pool: 2, kind: 1, flags: 1}` from the low byte up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word(u64);

impl Word {
    /// The word of a record that is not written yet.
    pub const UNCOMMITTED: Self = Self(0);

    /// Packs the four parts.
    #[inline(always)]
    pub const fn new(id: u32, pool: u16, kind: Kind, flags: u8) -> Self {
        Self(id as u64 | (pool as u64) << 32 | (kind as u64) << 48 | (flags as u64) << 56)
    }

    /// The word of these bits, as read from a file.
    #[inline(always)]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Whether the record is written.
    #[inline(always)]
    pub const fn is_committed(self) -> bool {
        self.kind_number() != 0
    }

    /// The id: a module, name, counter, stack or cause, by kind.
    #[inline(always)]
    pub const fn id(self) -> u32 {
        self.0 as u32
    }

    /// The pool, or what the kind says.
    #[inline(always)]
    pub const fn pool(self) -> u16 {
        (self.0 >> 32) as u16
    }

    /// The number of the kind, which a later version may have added.
    #[inline(always)]
    pub const fn kind_number(self) -> u8 {
        (self.0 >> 48) as u8
    }

    /// The kind, if this version knows it.
    #[inline(always)]
    pub const fn kind(self) -> Option<Kind> {
        Kind::decode(self.kind_number())
    }

    /// The flags; their meaning is the kind's, but for [`Word::EXTENDED`].
    #[inline(always)]
    pub const fn flags(self) -> u8 {
        (self.0 >> 56) as u8
    }

    /// Flag: the next record in the chunk is an extension of this one.
    pub const EXTENDED: u8 = 0x01;
}

crate::place::numbered! {
    /// What a record says happened. Zero is taken: it means "not written yet".
    Kind {
        /// A segment was reserved from the driver. value address, size bytes, id stack.
        SegmentAlloc = 1, "segment alloc";
        /// A segment was given back to the driver.
        SegmentFree = 2, "segment free";
        /// A part of a reserved address range got memory (expandable segments).
        SegmentMap = 3, "segment map";
        /// A part of a reserved address range lost its memory.
        SegmentUnmap = 4, "segment unmap";
        /// A block was handed out. value address, size bytes, id stack; may be extended by [`Extension::BLOCK`](crate::Extension::BLOCK).
        BlockAlloc = 8, "block alloc";
        /// A block was given back and can be reused at once. size may be 0: not said.
        BlockFree = 9, "block free";
        /// A block was given back but a stream may still use it.
        BlockFreeRequested = 10, "block free requested";
        /// The last stream was done with a block whose free had been requested.
        BlockFreeCompleted = 11, "block free completed";
        /// A request failed. size bytes asked for, value free bytes of the device (`u64::MAX`: not known).
        OutOfMemory = 12, "out of memory";
        /// A block that is live belongs to a module, as turns out now. value address, id module.
        BlockOwned = 13, "block owned";
        /// A module came into being. id module.
        ModuleDefined = 16, "module defined";
        /// A module was dropped by the engine. id module.
        ModuleReleased = 17, "module released";
        /// A forward of a module began. id module.
        ForwardBegin = 18, "forward begin";
        /// A forward of a module ended. id module.
        ForwardEnd = 19, "forward end";
        /// A transfer began. id module, size bytes, value correlation and tiers, pool reason, flags host memory; may be extended by [`Extension::TRANSFER`](crate::Extension::TRANSFER).
        TransferBegin = 20, "transfer begin";
        /// A transfer ended. id module, size bytes moved, value correlation and the thread that began it.
        TransferEnd = 21, "transfer end";
        /// A scope was entered. id name, flags whether it is a phase.
        ScopeBegin = 24, "scope begin";
        /// A scope was left. id name.
        ScopeEnd = 25, "scope end";
        /// A named instant. id name, value a number of the program's own.
        Mark = 26, "mark";
        /// A counter's value. id counter, value the number, flags whether it is a float.
        CounterSample = 32, "counter sample";
        /// Events of this thread were lost. id cause, value how many, size ticks at the first of them.
        Dropped = 40, "dropped";
        /// In a baseline: the records behind it are of this thread. id thread.
        OnThread = 48, "on thread";
        /// In a baseline: what this thread recorded before this place is folded into the baseline. id thread, value chunk, size record.
        Folded = 49, "folded";
        /// In a baseline: the largest sum of allocated (or reserved, by flags) bytes of a heap so far. id heap, value bytes.
        PeakPassed = 50, "peak passed";
        /// The end of a baseline. value how many chunks it has, this one included.
        BaselineEnd = 51, "baseline end";
        /// In a shared chunk: the records behind it are of this thread. id thread, value the thread sequence of this part.
        HandedOver = 52, "handed over";
        /// More about the record before it. pool says what; see [`Extension`](crate::Extension).
        Extension = 255, "extension";
    }
}
