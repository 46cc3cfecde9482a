//! Frames: what a packed log is a sequence of. Each can be read alone, and says of itself how long it is.

use memtrace_format::{CHUNK_BYTES, FIRST_CHUNK_OFFSET};

use crate::source::packed::{BODY, HEAD, columns};

/// The first bytes of a packed log, as those of a log are chosen.
pub(crate) const MAGIC: [u8; 8] = [0x89, b'M', b'T', b'P', b'K', b'\r', b'\n', 0x1a];

/// A reader refuses a later one.
const VERSION: u32 = 1;

/// The first four bytes of a frame.
pub(crate) const FRAME_MAGIC: [u8; 4] = *b"MTPF";

/// The most chunks whose heads, and the most whose bodies, are in a frame.
pub(crate) const HEADS: usize = 256;
pub(crate) const BODIES: usize = 16;

/// The most that is packed into a frame. What is in the file, and columns, may be twice as long, for what zstd cannot make shorter.
const CONTENT: usize = if HEADS * HEAD > BODIES * CHUNK_BYTES { HEADS * HEAD } else { BODIES * CHUNK_BYTES };

/// The level of zstd: the lowest that finds most of what repeats. Higher ones take longer and bring little.
/// `cargo bench -p memtrace-analysis --bench pack` shows what comes of it.
const LEVEL: i32 = 6;

/// What a packed log begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Preamble {
    /// The length of the log.
    pub(crate) log_bytes: u64,
}

/// What is in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// What a log begins with, before its chunks.
    Beginning = 1,
    /// The heads of chunks.
    Heads = 2,
    /// The bodies of chunks of records of one thread, by column.
    Records = 3,
    /// The bodies of other chunks.
    Bytes = 4,
    /// Nothing: there are no more frames.
    End = 5,
}

/// What a frame says of itself, before its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) kind: FrameKind,
    /// The length of its content in the file.
    pub(crate) packed: u32,
    /// Its checksum.
    crc: u32,
    /// The chunks that it is about.
    pub(crate) chunks: Vec<u64>,
}

impl Preamble {
    pub(crate) const BYTES: usize = 24;

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.log_bytes.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..20]);
        bytes[20..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// What is wrong with it, if it cannot be read.
    pub(crate) fn parse(bytes: &[u8; Self::BYTES]) -> Result<Self, &'static str> {
        if bytes[..8] != MAGIC {
            return Err("it does not begin like a packed log");
        }
        if u32_at(bytes, 20) != crc32fast::hash(&bytes[..20]) {
            return Err("its first bytes have changed since they were written");
        }
        if u32_at(bytes, 8) != VERSION {
            return Err("a later version of memtrace packed it");
        }
        Ok(Self { log_bytes: u64_at(bytes, 12) })
    }
}

impl FrameHeader {
    /// The bytes before the numbers of the chunks: magic, kind, how many chunks, the length of the content and its checksum, and
    /// the checksum of all that and of the numbers.
    pub(crate) const FIXED: usize = 20;

    /// The most that a header has.
    pub(crate) const MOST: usize = Self::FIXED + 8 * HEADS;

    /// The bytes of the header in the file.
    pub(crate) fn bytes(&self) -> usize {
        Self::FIXED + 8 * self.chunks.len()
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = FRAME_MAGIC.to_vec();
        bytes.extend((self.kind as u16).to_le_bytes());
        bytes.extend((self.chunks.len() as u16).to_le_bytes());
        bytes.extend(self.packed.to_le_bytes());
        bytes.extend(self.crc.to_le_bytes());
        let numbers: Vec<u8> = self.chunks.iter().flat_map(|chunk| chunk.to_le_bytes()).collect();
        let crc = header_crc(&bytes, &numbers);
        bytes.extend(crc.to_le_bytes());
        bytes.extend(numbers);
        bytes
    }

    /// The header at the beginning of these bytes, if there is one.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (fixed, rest) = bytes.split_first_chunk::<{ Self::FIXED }>()?;
        let kind = match fixed[4..6] {
            [1, 0] => FrameKind::Beginning,
            [2, 0] => FrameKind::Heads,
            [3, 0] => FrameKind::Records,
            [4, 0] => FrameKind::Bytes,
            [5, 0] => FrameKind::End,
            _ => return None,
        };
        let count = usize::from(u16::from_le_bytes([fixed[6], fixed[7]]));
        let most = match kind {
            FrameKind::Heads => HEADS,
            FrameKind::Records | FrameKind::Bytes => BODIES,
            FrameKind::Beginning | FrameKind::End => 0,
        };
        let numbers = rest.get(..8 * count).filter(|_| count <= most)?;
        if fixed[..4] != FRAME_MAGIC || u32_at(fixed, 16) != header_crc(&fixed[..16], numbers) {
            return None;
        }
        let chunks = numbers.as_chunks().0.iter().map(|number| u64::from_le_bytes(*number)).collect();
        let packed = Some(u32_at(fixed, 8)).filter(|&packed| packed as usize <= 2 * CONTENT)?;
        Some(Self { kind, packed, crc: u32_at(fixed, 12), chunks })
    }

    /// What is in the frame, from what is in the file: one piece a chunk, all of one length. `None`: it has changed since it was
    /// written.
    pub(crate) fn content(&self, packed: &[u8]) -> Option<Vec<u8>> {
        if crc32fast::hash(packed) != self.crc {
            return None;
        }
        let content = zstd::bulk::decompress(packed, 2 * CONTENT).ok()?;
        let chunks = self.chunks.len();
        match self.kind {
            FrameKind::Beginning => Some(content).filter(|content| content.len() <= FIRST_CHUNK_OFFSET),
            FrameKind::End => Some(content).filter(Vec::is_empty),
            FrameKind::Heads => Some(content).filter(|content| content.len() == chunks * HEAD),
            FrameKind::Bytes => Some(content).filter(|content| content.len() == chunks * BODY),
            FrameKind::Records => {
                let mut bodies = vec![0; chunks * BODY];
                columns::join(&content, bodies.as_chunks_mut().0)?;
                Some(bodies)
            }
        }
    }
}

/// A frame as it is in the file. `pieces` are as long as the kind says.
pub(crate) fn encode(kind: FrameKind, chunks: Vec<u64>, pieces: &[Box<[u8]>]) -> std::io::Result<Vec<u8>> {
    let content = match kind {
        FrameKind::Records => {
            let bodies: Vec<&[u8; BODY]> =
                pieces.iter().filter_map(|piece| piece.as_ref().try_into().ok()).collect();
            let mut content = Vec::with_capacity(CONTENT);
            columns::split(&bodies, &mut content);
            content
        }
        _ => pieces.concat(),
    };
    let packed = zstd::bulk::compress(&content, LEVEL)?;
    let crc = crc32fast::hash(&packed);
    let length = u32::try_from(packed.len()).map_err(std::io::Error::other)?;
    let mut frame = FrameHeader { kind, packed: length, crc, chunks }.to_bytes();
    frame.extend(packed);
    Ok(frame)
}

fn header_crc(fixed: &[u8], numbers: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(fixed);
    hasher.update(numbers);
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
