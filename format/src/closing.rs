//! The closing block: the second page of the file, kept free until the recording ends.
//!
//! Its room is there from the start, so that a log can be closed, and say why, on a full disk.

use alloc::string::{String, ToString};

use crate::{
    Calibration, DropCounts,
    bytes::{Field, crc32},
    header::FileHeader,
};

/// Where the closing block lies in the file.
pub const CLOSING_OFFSET: usize = FileHeader::BYTES;

const MAGIC: [u8; 4] = *b"MTEN";

/// Where the closing block's fields lie, counted from its beginning.
#[allow(missing_docs, reason = "each is the field of that name")]
pub mod field {
    use super::{Calibration, DropCounts, Field};

    pub const MAGIC: Field = Field::first(4);
    pub const ENDING: Field = MAGIC.then(1);
    pub const RESERVED: Field = ENDING.then(3);
    pub const SESSION: Field = RESERVED.then(8);
    pub const CALIBRATION: Field = SESSION.then(Calibration::BYTES);
    pub const DROPS: Field = CALIBRATION.then(DropCounts::BYTES);
    pub const TEXT_BYTES: Field = DROPS.then(4);
    pub const TEXT: Field = TEXT_BYTES.then(super::Closing::TEXT_BYTES);
    pub const CRC: Field = Field { offset: super::Closing::BYTES - 4, length: 4 };
}

crate::place::numbered! {
    /// How a recording came to its end.
    Ending {
        /// The process ended, or ended the recording itself.
        Clean = 1, "clean";
        /// Recording stopped because something failed; the process went on.
        Stopped = 2, "stopped";
        /// The recording goes on; the block says what was lost so far.
        Running = 3, "running";
        /// The process ended in order, but not the recording: who started the process wrote this, and knows no more than the block
        /// said before.
        Exited = 4, "exited";
    }
}

/// What is known of the recording as a whole. A log without one belongs to a process that was killed or still runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// How it ended.
    pub ending: Ending,
    /// When it ended.
    pub end: Calibration,
    /// What was lost in all.
    pub drops: DropCounts,
    /// Why it stopped, in words; empty for a clean end.
    pub text: String,
}

impl Closing {
    /// The size of the block in the file.
    pub const BYTES: usize = 4096;

    /// Whether the tracer wrote it last of all, so that nothing came behind it.
    pub fn is_final(&self) -> bool {
        matches!(self.ending, Ending::Clean | Ending::Stopped)
    }

    /// The largest text; a longer one is cut.
    pub const TEXT_BYTES: usize = 1024;

    /// The block's bytes in the file.
    pub fn to_bytes(&self, session: u64) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let text = &self.text[..self.text.floor_char_boundary(Self::TEXT_BYTES)];
        field::MAGIC.put(&mut bytes, &MAGIC);
        field::ENDING.put(&mut bytes, &[self.ending as u8]);
        field::SESSION.put(&mut bytes, &session.to_le_bytes());
        self.end.write(field::CALIBRATION, &mut bytes);
        field::DROPS.put(&mut bytes, &self.drops.to_bytes());
        field::TEXT_BYTES.put(&mut bytes, &(text.len() as u32).to_le_bytes());
        bytes[field::TEXT.offset..][..text.len()].copy_from_slice(text.as_bytes());
        let crc = crc32(&[&bytes[..field::CRC.offset]]);
        field::CRC.put(&mut bytes, &crc.to_le_bytes());
        bytes
    }

    /// Reads the block. `None`: it was not written, not wholly, or not by this session.
    pub fn parse(bytes: &[u8], session: u64) -> Option<Self> {
        let bytes = bytes.first_chunk::<{ Self::BYTES }>()?;
        let sound = field::MAGIC.of(bytes) == MAGIC
            && field::SESSION.read_u64(bytes) == session
            && field::CRC.read_u32(bytes) == crc32(&[&bytes[..field::CRC.offset]]);
        if !sound {
            return None;
        }
        let [ending] = field::ENDING.array(bytes);
        let length = field::TEXT_BYTES.read_u32(bytes) as usize;
        let text = field::TEXT.of(bytes).get(..length)?;
        Some(Self {
            ending: Ending::decode(ending)?,
            end: Calibration::read(field::CALIBRATION, bytes),
            drops: DropCounts::read(field::DROPS.of(bytes)),
            text: String::from_utf8_lossy(text).to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DropCause, Ticks};

    fn closing() -> Closing {
        let mut drops = DropCounts::default();
        drops.add(DropCause::DiskFull, 12);
        Closing {
            ending: Ending::Stopped,
            end: Calibration { ticks: Ticks(1), monotonic_ns: 2, realtime_ns: 3 },
            drops,
            text: "no space left on device".to_string(),
        }
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(Closing::parse(&closing().to_bytes(9), 9), Some(closing()));
    }

    #[test]
    fn a_block_that_is_absent_foreign_or_damaged_is_none() {
        assert_eq!(Closing::parse(&[0; Closing::BYTES], 9), None);
        assert_eq!(Closing::parse(&closing().to_bytes(9), 8), None);
        let mut damaged = closing().to_bytes(9);
        damaged[field::DROPS.offset] ^= 1;
        assert_eq!(Closing::parse(&damaged, 9), None);
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let long = Closing { text: "é".repeat(Closing::TEXT_BYTES), ..closing() };
        let read = Closing::parse(&long.to_bytes(9), 9).expect("a sound block");
        assert_eq!(read.text, "é".repeat(Closing::TEXT_BYTES / 2));
    }
}
