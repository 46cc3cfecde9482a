//! A packed log, read as though it were not packed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use memtrace_format::{CHUNK_BYTES, FIRST_CHUNK_OFFSET};

use crate::source::packed::{
    BODY, HEAD, archive,
    frame::{FRAME_MAGIC, FrameHeader, FrameKind, MAGIC, Preamble},
};
use crate::source::{FREE_RUN, ReadError, RegularFile};

/// Frames that were unpacked last are kept, up to so many bytes.
pub(crate) const CACHED: usize = 16 << 20;

/// In a packed log that is damaged, the most chunks without a frame before one that has.
const LOST: u64 = 1 << 12;

/// What damaged parts of the file read as. No chunk begins like this, so they are counted as damage wherever they lie.
const DAMAGED: u8 = 0xff;

/// A packed log.
#[derive(Debug)]
pub(crate) struct PackedFile {
    file: RegularFile,
    log_bytes: u64,
    frames: Vec<Frame>,
    beginning: Option<usize>,
    /// Where the head and the body of each chunk are: the frame, and the place in it.
    heads: HashMap<u64, Place>,
    bodies: HashMap<u64, Place>,
    /// Whether all that was packed is here.
    whole: bool,
    cache: Mutex<Cache>,
}

/// A frame, and where its content lies in the file.
#[derive(Debug)]
struct Frame {
    header: FrameHeader,
    content: u64,
}

type Place = (u32, u16);

/// What was unpacked last, the latest at the end. `None` for what is damaged.
#[derive(Debug, Default)]
struct Cache {
    unpacked: Vec<(usize, Option<Arc<Vec<u8>>>)>,
}

impl PackedFile {
    /// The packed log in this file: by itself, or an entry of an archive. `None`: there is none, and the file may be a log.
    pub(crate) fn of(file: RegularFile) -> Result<Result<Self, RegularFile>, ReadError> {
        let mut magic = [0; MAGIC.len()];
        file.read_up_to(0, &mut magic)?;
        let (from, to) = match magic {
            MAGIC => (0, file.bytes()),
            _ if archive::is_archive(&magic) => archive::entry(&file)?,
            _ => return Ok(Err(file)),
        };
        let mut preamble = [0; Preamble::BYTES];
        file.read_up_to(from, &mut preamble)?;
        let Preamble { log_bytes } = Preamble::parse(&preamble).map_err(ReadError::Packed)?;
        let mut packed = Self {
            file,
            log_bytes,
            frames: Vec::new(),
            beginning: None,
            heads: HashMap::new(),
            bodies: HashMap::new(),
            whole: false,
            cache: Mutex::default(),
        };
        packed.find_frames(from + Preamble::BYTES as u64, to)?;
        Ok(Ok(packed))
    }

    /// Walks from frame to frame. Where there is none, the next one is looked for.
    fn find_frames(&mut self, from: u64, to: u64) -> Result<(), ReadError> {
        let mut bytes = vec![0; FrameHeader::MOST];
        let mut at = from;
        let (mut ended, mut damaged) = (false, false);
        // Each chunk takes two numbers in the headers of frames; between chunks that are used, few are not.
        let used = to.saturating_sub(from) / (2 * size_of::<u64>() as u64);
        while at < to && !ended {
            let most = usize::try_from(to - at).unwrap_or(usize::MAX).min(bytes.len());
            let have = self.file.read_up_to(at, &mut bytes[..most])?;
            let Some(header) = FrameHeader::parse(&bytes[..have]) else {
                if have == 0 {
                    break;
                }
                damaged = true;
                let next =
                    bytes[..have].windows(FRAME_MAGIC.len()).skip(1).position(|four| *four == FRAME_MAGIC);
                at += next.map_or(have.saturating_sub(FRAME_MAGIC.len() - 1).max(1), |next| next + 1) as u64;
                continue;
            };
            let content = at + header.bytes() as u64;
            at = content + u64::from(header.packed);
            ended = header.kind == FrameKind::End;
            if header.chunks.iter().any(|&chunk| chunk > used + FREE_RUN) {
                damaged = true;
                continue;
            }
            self.add(Frame { header, content });
        }
        self.whole = ended && !damaged;
        if !self.whole {
            // All that lies between what is here counts as damaged, so there must not be much more of it than there can have been.
            self.heads.retain(|&chunk, _| chunk <= used + LOST);
            self.bodies.retain(|&chunk, _| chunk <= used + LOST);
            // Behind what is here there was more, and nobody can tell how much.
            let last = self.heads.keys().chain(self.bodies.keys()).max();
            let missing = last.map_or(0, |last| last.saturating_add(1));
            let end = crate::source::packed::chunk_offset(missing.saturating_add(1));
            self.log_bytes = self.log_bytes.min(end);
        }
        Ok(())
    }

    fn add(&mut self, frame: Frame) {
        let index = self.frames.len();
        let place = |slot| (index as u32, slot as u16);
        let chunks = frame.header.chunks.iter().enumerate();
        match frame.header.kind {
            FrameKind::Beginning => self.beginning = Some(index),
            FrameKind::Heads => self.heads.extend(chunks.map(|(slot, &chunk)| (chunk, place(slot)))),
            FrameKind::Records | FrameKind::Bytes => {
                self.bodies.extend(chunks.map(|(slot, &chunk)| (chunk, place(slot))));
            }
            FrameKind::End => return,
        }
        self.frames.push(frame);
    }

    /// The length of the log, as far as it is here.
    pub(crate) fn bytes(&self) -> u64 {
        self.log_bytes
    }

    /// Fills `buffer` with what the log has from `offset` on, as far as the log goes, and returns how far that is.
    pub(crate) fn read_up_to(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, ReadError> {
        let left = usize::try_from(self.log_bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let have = left.min(buffer.len());
        let mut at = offset;
        let mut rest = &mut buffer[..have];
        while !rest.is_empty() {
            let begin = FIRST_CHUNK_OFFSET as u64;
            let (number, within, length) = match at.checked_sub(begin) {
                None => (None, at as usize, FIRST_CHUNK_OFFSET),
                Some(behind) => {
                    let (number, within) = (behind / CHUNK_BYTES as u64, behind % CHUNK_BYTES as u64);
                    (Some(number), within as usize, CHUNK_BYTES)
                }
            };
            let (piece, behind) = rest.split_at_mut(rest.len().min(length - within));
            match number {
                None => self.read_beginning(within, piece)?,
                Some(number) => self.read_chunk(number, within, piece)?,
            }
            at += piece.len() as u64;
            rest = behind;
        }
        Ok(have)
    }

    fn read_beginning(&self, within: usize, piece: &mut [u8]) -> Result<(), ReadError> {
        let content = self.beginning.map(|frame| self.unpacked(frame)).transpose()?.flatten();
        match content {
            Some(content) => copy(&content, within, piece),
            None => piece.fill(DAMAGED),
        }
        Ok(())
    }

    fn read_chunk(&self, number: u64, within: usize, piece: &mut [u8]) -> Result<(), ReadError> {
        let (head, body) = (self.heads.get(&number), self.bodies.get(&number));
        let (Some(head), Some(body)) = (head, body) else {
            // A chunk that nobody used is in no frame.
            let free = self.whole && head.is_none() && body.is_none();
            piece.fill(if free { 0 } else { DAMAGED });
            return Ok(());
        };
        let (in_head, in_body) = piece.split_at_mut(piece.len().min(HEAD.saturating_sub(within)));
        let mut whole = self.read_part(*head, HEAD, within, in_head)?;
        if !in_body.is_empty() {
            whole &= self.read_part(*body, BODY, within.max(HEAD) - HEAD, in_body)?;
        }
        if !whole {
            piece.fill(DAMAGED);
        }
        Ok(())
    }

    /// Reads of a chunk what is in this place. Whether it is undamaged.
    fn read_part(
        &self,
        (frame, slot): Place,
        length: usize,
        within: usize,
        piece: &mut [u8],
    ) -> Result<bool, ReadError> {
        if piece.is_empty() {
            return Ok(true);
        }
        let content = self.unpacked(frame as usize)?;
        let Some(content) = &content else { return Ok(false) };
        copy(content, usize::from(slot) * length + within, piece);
        Ok(true)
    }

    /// What is in a frame.
    fn unpacked(&self, index: usize) -> Result<Option<Arc<Vec<u8>>>, ReadError> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = cache.unpacked.iter().rposition(|(cached, _)| *cached == index) {
            let found = cache.unpacked.remove(found);
            let content = found.1.clone();
            cache.unpacked.push(found);
            return Ok(content);
        }
        let content = self.unpack(&self.frames[index])?.map(|mut content| {
            // It is counted by its length.
            content.shrink_to_fit();
            Arc::new(content)
        });
        let length = |content: &Option<Arc<Vec<u8>>>| content.as_ref().map_or(0, |content| content.len());
        let mut room = CACHED.saturating_sub(length(&content));
        let kept = cache.unpacked.iter().rev().take_while(|(_, content)| {
            let fits = length(content) <= room;
            room = room.saturating_sub(length(content));
            fits
        });
        let gone = cache.unpacked.len() - kept.count();
        cache.unpacked.drain(..gone);
        cache.unpacked.push((index, content.clone()));
        Ok(content)
    }

    /// What is in a frame, from the file. `None`: it is damaged.
    fn unpack(&self, frame: &Frame) -> Result<Option<Vec<u8>>, ReadError> {
        let mut packed = vec![0; frame.header.packed as usize];
        let have = self.file.read_up_to(frame.content, &mut packed)?;
        Ok(frame.header.content(&packed[..have]))
    }
}

/// Copies what is there from `at` on; behind it there are zeros.
fn copy(content: &[u8], at: usize, piece: &mut [u8]) {
    let there = content.get(at..).unwrap_or_default();
    let length = there.len().min(piece.len());
    piece[..length].copy_from_slice(&there[..length]);
    piece[length..].fill(0);
}
