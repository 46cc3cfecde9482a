//! A chunk of the mapped file, owned by whoever holds the value.

use std::ptr::NonNull;

use memtrace_format::{CHUNK_BYTES, Calibration, ChunkHeader, Record, Seal, Ticks, chunk};

use super::faults;
use crate::sync::{Ordering, fence, word};

/// The place of a chunk in the file, counted in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(pub(crate) u64);

/// A chunk that nobody else writes to. Made by the helper, passed to one thread at a time.
///
/// Invariant: `start` is the beginning of [`CHUNK_BYTES`] mapped, writable bytes, aligned to a page, and the mapping
/// outlives the value.
pub(crate) struct Chunk {
    pub(crate) start: NonNull<u8>,
    pub(crate) slot: Slot,
    /// Counts chunks in the order in which they are handed out. In ring mode one place has several in turn.
    pub(crate) sequence: u64,
    pub(crate) calibration: Calibration,
}

// SAFETY: the value is the only way to the memory (see its invariant), and the memory belongs to no thread.
unsafe impl Send for Chunk {}

/// A chunk that its thread has done with.
pub(crate) struct Retired {
    pub(crate) chunk: Chunk,
    /// The bytes in use behind the header.
    pub(crate) used: usize,
    /// When its thread made the event that found no room in it.
    pub(crate) followed_at: Option<Ticks>,
}

impl Chunk {
    /// The size of a chunk. Models have smaller ones.
    pub(crate) const BYTES: usize =
        if cfg!(loom) { ChunkHeader::BYTES + 4 * Record::BYTES } else { CHUNK_BYTES };

    pub(crate) const BODY_BYTES: usize = Self::BYTES - ChunkHeader::BYTES;

    /// Makes it a chunk that nobody was handed, first of all for whoever looks at its magic.
    pub(crate) fn clear(&self) {
        let start = self.words();
        // SAFETY: the chunk is mapped, writable and nobody else writes to it, by the type's invariant. Nobody in this process
        // looks at it either; somebody in another one sees no magic first, by the Release fence that the stores stay behind.
        unsafe {
            word::atomic(start).store(0, Ordering::Relaxed);
            fence(Ordering::Release);
            word::clear(start, Self::BYTES);
        }
    }

    /// Makes it a chunk to be handed out, with the clocks as they are.
    pub(crate) fn clear_for_use(&mut self, calibration: Calibration) {
        self.clear();
        self.calibration = calibration;
    }

    /// Writes a whole chunk, its magic last.
    pub(crate) fn write_image(&self, image: &[u8; CHUNK_BYTES]) {
        self.publish(0, image);
    }

    /// Writes the header, its magic last: whoever sees the magic sees the header.
    pub(crate) fn write_header(&self, header: &ChunkHeader) {
        self.publish(0, &header.to_bytes());
    }

    /// Writes `entry` at `used` bytes behind the header, its first eight bytes last.
    ///
    /// # Panics
    ///
    /// It does not fit, or `used` is not a multiple of 8.
    pub(crate) fn write_definition(&self, used: usize, entry: &[u8]) {
        self.publish(ChunkHeader::BYTES + used, entry);
    }

    /// Writes `bytes` at `offset`, the first word last.
    fn publish(&self, offset: usize, bytes: &[u8]) {
        assert!(offset.is_multiple_of(word::BYTES) && offset + bytes.len() <= Self::BYTES);
        let (first, rest) = bytes.split_first_chunk().expect("what is published begins with a word");
        // SAFETY: the bytes lie inside the chunk, as was just checked, which is mapped, writable and nobody else's to write
        // to, by the type's invariant. The helper or a reader in another process may look meanwhile: at the first word, and
        // at the others if that is there. Release, and Acquire at the helper's look, make them whole then.
        unsafe {
            let place = self.words().byte_add(offset);
            word::write_all(place.add(1), rest);
            word::atomic(place).store(u64::from_le_bytes(*first).to_le(), Ordering::Release);
        }
    }

    fn words(&self) -> *mut u64 {
        self.start.as_ptr().cast()
    }
}

/// Writes a record, its word last: whoever sees the word sees the record.
///
/// # Safety
///
/// `place` is a multiple of 8 in a mapped, writable chunk with [`Record::BYTES`] behind it, and nobody else writes there.
#[inline(always)]
pub(crate) unsafe fn write_record(place: *mut u8, record: &Record) {
    let [time, value, size, commit] = record.fields();
    let place = place.cast::<u64>();
    // SAFETY: the four words lie in the record that the caller vouches for. The helper or a reader in another process may
    // look meanwhile: at the last word, and at the others if that is there. Release, and Acquire at the helper's look, make
    // them whole then. On x86-64 it is a plain store.
    unsafe {
        word::write(place, time);
        word::write(place.add(1), value);
        word::write(place.add(2), size);
        word::atomic(place.add(3)).store(commit, Ordering::Release);
    }
}

impl Retired {
    /// Writes the seal: the bytes in use and the checksum of them. A chunk in which something else lies than the file stays
    /// unsealed, which readers accept: what is read here is not what they will find.
    pub(crate) fn seal(self) {
        let start = self.chunk.words();
        // SAFETY: the chunk is mapped, by its invariant, and its thread has given it back: nobody writes to it any more.
        let (header, body) = unsafe {
            (
                word::bytes(start, ChunkHeader::BYTES),
                word::bytes(start.byte_add(ChunkHeader::BYTES), self.used),
            )
        };
        let mut header: [u8; ChunkHeader::BYTES] = *header.first_chunk().expect("a header has its length");
        if chunk::flag_steps_back(&mut header, &body, self.chunk.calibration.ticks, self.followed_at) {
            let (first, _) = header.split_first_chunk().expect("a header begins with a word");
            // SAFETY: as above. The word differs in the flag alone, so whoever looks sees the chunk as it was or flagged.
            unsafe { word::atomic(start).store(u64::from_le_bytes(*first).to_le(), Ordering::Relaxed) };
        }
        let Seal { length, crc } = chunk::seal(&header, &body);
        if faults::is_damaged(self.chunk.start.as_ptr()) {
            return;
        }
        let seal = u64::from(length) | u64::from(crc) << 32;
        // SAFETY: length and checksum are a word of the header. Release: a reader in another process that sees the seal sees
        // what it seals.
        unsafe {
            let place = start.byte_add(chunk::field::LENGTH.offset);
            word::atomic(place).store(seal.to_le(), Ordering::Release);
        }
    }
}

const _: () = assert!(chunk::field::LENGTH.offset.is_multiple_of(8));

#[cfg(all(test, not(loom)))]
mod tests {
    use memtrace_format::{ChunkKind, DropCounts, Event, NameId, ThreadId, chunk::checked_body};

    use super::*;

    /// Whether a chunk with marks at these times has the flag when it is sealed.
    fn is_flagged(calibrated_at: u64, times: &[u64], followed_at: Option<u64>) -> bool {
        #[repr(align(4096))]
        struct Page([u8; CHUNK_BYTES]);
        let mut page = Box::new(Page([0; CHUNK_BYTES]));
        let calibration = Calibration { ticks: Ticks(calibrated_at), monotonic_ns: 0, realtime_ns: 0 };
        let chunk =
            Chunk { start: NonNull::from(&mut page.0).cast(), slot: Slot(0), sequence: 0, calibration };
        chunk.write_header(&ChunkHeader {
            kind: ChunkKind::Events,
            session: 1,
            sequence: 0,
            thread: ThreadId(1),
            thread_sequence: 0,
            base_time: Ticks(times[0]),
            calibration,
            drops: DropCounts::default(),
            seal: None,
        });
        for (at, &time) in times.iter().enumerate() {
            let mark = Event::Mark { name: NameId(1), value: 1 }.encode(Ticks(time));
            let offset = ChunkHeader::BYTES + at * Record::BYTES;
            // SAFETY: the page is this test's, and has room for the record.
            unsafe { write_record(chunk.start.as_ptr().add(offset), &mark.record) };
        }
        let used = times.len() * Record::BYTES;
        Retired { chunk, used, followed_at: followed_at.map(Ticks) }.seal();
        let head = page.0.first_chunk().expect("a chunk has a header");
        let header = ChunkHeader::parse(head, 1).ok().flatten().expect("the header is good");
        assert_eq!(checked_body(&page.0, &header).map(<[u8]>::len), Ok(used));
        chunk::steps_back(head)
    }

    #[test]
    fn a_chunk_in_which_the_clock_steps_back_is_flagged() {
        assert!(!is_flagged(3, &[3, 4, 4], Some(4)));
        assert!(is_flagged(3, &[4, 3, 5], None), "from one record to the next");
        assert!(is_flagged(3, &[2, 3, 4], None), "from the helper's clock to the thread's");
        assert!(is_flagged(3, &[3, 4, 5], Some(4)), "from one chunk to the next");
    }
}
