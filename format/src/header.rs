//! The header: the first page of the file, written once.

use thiserror::Error;

use crate::{
    Calibration, ClockKind, SCHEMA_HASH,
    bytes::{Field, crc32},
    chunk,
};

/// The first bytes of every log. The first byte is not ASCII and the last three would not survive a transfer as text.
pub const MAGIC: [u8; 8] = [0x89, b'M', b'T', b'R', b'C', b'\r', b'\n', 0x1a];

/// The version that this crate writes. A reader refuses a larger major and accepts any minor.
pub const VERSION: (u16, u16) = (1, 0);

/// Incompatible feature: the file has baseline chunks, which say what was there before its events: because chunks were recycled
/// and what they held is folded, or because an imported recording begins like that. A reader that passes over them would count
/// wrongly.
pub const RING: u64 = 1;

/// Compatible feature: the recording knows what the program asked for, and block sizes were deduced from that. A reader takes
/// peaks on requested bytes, and counts a block's until its free is completed.
pub const SIZES_DEDUCED: u64 = 1;

/// Compatible feature: the recording has no times. Ticks are positions: they count its events.
pub const LACKS_TIMES: u64 = 2;

/// Compatible feature: the recording does not say which thread did what. What the log calls a thread stands for a device, or for
/// all of them.
pub const LACKS_THREADS: u64 = 4;

/// The incompatible features that this version knows.
const KNOWN: u64 = RING;

/// Where the header's fields lie.
#[allow(missing_docs, reason = "each is the field of that name")]
pub mod field {
    use super::{Calibration, Field};

    pub const MAGIC: Field = Field::first(8);
    pub const MAJOR: Field = MAGIC.then(2);
    pub const MINOR: Field = MAJOR.then(2);
    pub const HEADER_BYTES: Field = MINOR.then(4);
    pub const INCOMPATIBLE: Field = HEADER_BYTES.then(8);
    pub const COMPATIBLE: Field = INCOMPATIBLE.then(8);
    pub const SESSION: Field = COMPATIBLE.then(16);
    pub const BOOT: Field = SESSION.then(16);
    pub const PID: Field = BOOT.then(4);
    pub const CHUNK_BYTES: Field = PID.then(4);
    pub const SCHEMA_HASH: Field = CHUNK_BYTES.then(8);
    pub const CLOCK: Field = SCHEMA_HASH.then(1);
    pub const RESERVED: Field = CLOCK.then(7);
    pub const CALIBRATION: Field = RESERVED.then(Calibration::BYTES);
    pub const CRC: Field = Field { offset: super::FileHeader::BYTES - 4, length: 4 };
}

/// What a log says of itself before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHeader {
    /// Features that a reader may ignore: bits such as [`SIZES_DEDUCED`], or none.
    pub compatible: u64,
    /// Features that a reader must know: [`RING`], or none.
    pub incompatible: u64,
    /// Tells this recording from every other.
    pub session: u128,
    /// The boot of the machine (`/proc/sys/kernel/random/boot_id`); zero if not known.
    pub boot: u128,
    /// The process that was recorded.
    pub pid: u32,
    /// What the ticks are.
    pub clock: ClockKind,
    /// The instant at which recording began.
    pub start: Calibration,
    /// The minor version of the writer.
    pub minor: u16,
}

impl FileHeader {
    /// The size of the header in the file.
    pub const BYTES: usize = 4096;

    /// The session id as chunks carry it: enough to tell a stale chunk from one of this recording.
    pub const fn short_session(&self) -> u64 {
        self.session as u64
    }

    /// The header's bytes in the file.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        field::MAGIC.put(&mut bytes, &MAGIC);
        field::MAJOR.put(&mut bytes, &VERSION.0.to_le_bytes());
        field::MINOR.put(&mut bytes, &self.minor.to_le_bytes());
        field::HEADER_BYTES.put(&mut bytes, &(Self::BYTES as u32).to_le_bytes());
        field::INCOMPATIBLE.put(&mut bytes, &self.incompatible.to_le_bytes());
        field::COMPATIBLE.put(&mut bytes, &self.compatible.to_le_bytes());
        field::SESSION.put(&mut bytes, &self.session.to_le_bytes());
        field::BOOT.put(&mut bytes, &self.boot.to_le_bytes());
        field::PID.put(&mut bytes, &self.pid.to_le_bytes());
        field::CHUNK_BYTES.put(&mut bytes, &(chunk::CHUNK_BYTES as u32).to_le_bytes());
        field::SCHEMA_HASH.put(&mut bytes, &SCHEMA_HASH.to_le_bytes());
        field::CLOCK.put(&mut bytes, &[self.clock as u8]);
        self.start.write(field::CALIBRATION, &mut bytes);
        let crc = crc32(&[&bytes[..field::CRC.offset]]);
        field::CRC.put(&mut bytes, &crc.to_le_bytes());
        bytes
    }

    /// Reads the header from the beginning of a file.
    ///
    /// # Errors
    ///
    /// Says which of the things that make a log readable is missing, in the order in which a reader needs them.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        if bytes.len() < MAGIC.len() || bytes[..MAGIC.len()] != MAGIC {
            return Err(HeaderError::NotALog);
        }
        let Some(bytes) = bytes.first_chunk::<{ Self::BYTES }>() else {
            return Err(HeaderError::Short { have: bytes.len() });
        };
        let major = field::MAJOR.read_u16(bytes);
        if major != VERSION.0 {
            return Err(HeaderError::Version { found: major });
        }
        let stored = field::CRC.read_u32(bytes);
        if stored != crc32(&[&bytes[..field::CRC.offset]]) {
            return Err(HeaderError::Checksum);
        }
        let incompatible = field::INCOMPATIBLE.read_u64(bytes);
        if incompatible & !KNOWN != 0 {
            return Err(HeaderError::Features { unknown: incompatible & !KNOWN });
        }
        let chunk_bytes = field::CHUNK_BYTES.read_u32(bytes);
        if chunk_bytes as usize != chunk::CHUNK_BYTES {
            return Err(HeaderError::ChunkBytes { found: chunk_bytes });
        }
        let schema = field::SCHEMA_HASH.read_u64(bytes);
        if schema != SCHEMA_HASH {
            return Err(HeaderError::Schema { found: schema });
        }
        let [clock] = field::CLOCK.array(bytes);
        Ok(Self {
            compatible: field::COMPATIBLE.read_u64(bytes),
            incompatible,
            session: u128::from_le_bytes(field::SESSION.array(bytes)),
            boot: u128::from_le_bytes(field::BOOT.array(bytes)),
            pid: field::PID.read_u32(bytes),
            clock: ClockKind::decode(clock).ok_or(HeaderError::Clock { found: clock })?,
            start: Calibration::read(field::CALIBRATION, bytes),
            minor: field::MINOR.read_u16(bytes),
        })
    }
}

/// Why the beginning of a file is not the header of a log that this version can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The file does not begin with [`MAGIC`].
    #[error("it does not begin like a memtrace log")]
    NotALog,
    /// The file ends inside the header.
    #[error("it ends after {have} bytes, inside the {} byte header", FileHeader::BYTES)]
    Short {
        /// The bytes that are there.
        have: usize,
    },
    /// The header's bytes are not those that were written.
    #[error("the header's checksum (offset {}) does not match its bytes", field::CRC.offset)]
    Checksum,
    /// A later version wrote it.
    #[error("it has format version {found}, and this program reads version {}", VERSION.0)]
    Version {
        /// The major version of the file.
        found: u16,
    },
    /// It uses features that this version does not know.
    #[error("it uses features that this program does not know (bits {unknown:#x})")]
    Features {
        /// The bits of those features.
        unknown: u64,
    },
    /// Its chunks have another size than this version's.
    #[error("its chunks are {found} bytes long, not {}", chunk::CHUNK_BYTES)]
    ChunkBytes {
        /// The size that the header gives.
        found: u32,
    },
    /// Its definitions have other fields than this version's.
    #[error("its definitions have another layout (schema {found:#018x}, not {:#018x})", SCHEMA_HASH)]
    Schema {
        /// The hash that the header gives.
        found: u64,
    },
    /// Its clock is of a kind that this version does not know.
    #[error("its clock is of kind {found}, which this program does not know")]
    Clock {
        /// The number of the kind.
        found: u8,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ticks;

    fn header() -> FileHeader {
        FileHeader {
            compatible: 0,
            incompatible: 0,
            session: 0x1122_3344_5566_7788_99aa_bbcc_ddee_ff00,
            boot: 7,
            pid: 4242,
            clock: ClockKind::Tsc,
            start: Calibration { ticks: Ticks(1), monotonic_ns: 2, realtime_ns: 3 },
            minor: VERSION.1,
        }
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(FileHeader::parse(&header().to_bytes()), Ok(header()));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let good = header().to_bytes();
        for bit in 0..FileHeader::BYTES * 8 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(FileHeader::parse(&bad).is_err(), "bit {bit} went unnoticed");
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        let good = header().to_bytes();
        assert_eq!(FileHeader::parse(&[]), Err(HeaderError::NotALog));
        for length in MAGIC.len()..FileHeader::BYTES {
            assert_eq!(FileHeader::parse(&good[..length]), Err(HeaderError::Short { have: length }));
        }
    }

    #[test]
    fn an_unknown_incompatible_feature_is_refused_and_a_compatible_one_is_not() {
        let incompatible = FileHeader { incompatible: 4, ..header() };
        assert_eq!(FileHeader::parse(&incompatible.to_bytes()), Err(HeaderError::Features { unknown: 4 }));
        let compatible = FileHeader { compatible: 4, ..header() };
        assert_eq!(FileHeader::parse(&compatible.to_bytes()), Ok(compatible));
    }
}
