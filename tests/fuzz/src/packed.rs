//! Packed logs: changed in what the frames hold, with checksums that are right again.

use std::io::Cursor;

use anyhow::Context as _;
use fastrand::Rng;
use memtrace_analysis::{Trace, pack};

use crate::{changes::change, log};

const PREAMBLE: usize = 24;
/// Of a frame's header, before the numbers of its chunks.
const FIXED: usize = 20;

/// An archive with this log in it.
pub(crate) fn archive(log: &[u8]) -> anyhow::Result<Vec<u8>> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), log)?;
    let mut archive = Cursor::new(Vec::new());
    let beside = [("report.md", &b"# a report"[..])];
    let trace = Trace::open(file.path())?;
    pack::pack(&trace, "log", &beside, &mut archive, &mut |_| ())?;
    Ok(archive.into_inner())
}

/// The packed log alone, as it lies in an archive.
pub(crate) fn entry(log: &[u8]) -> anyhow::Result<Vec<u8>> {
    let archive = archive(log)?;
    let begin = find(&archive, &[0x89, b'M', b'T', b'P', b'K']).context("an entry")?;
    let end = find(&archive, b"PK\x01\x02").context("a list of entries")?;
    Ok(archive[begin..end].to_vec())
}

/// A log that somebody has changed before it was packed.
pub(crate) fn changed_log(random: &mut Rng) -> anyhow::Result<Vec<u8>> {
    let mut changed = log::GOLDEN.to_vec();
    log::mutate(random, &mut changed);
    entry(&changed)
}

/// Changes a packed log.
pub(crate) fn mutate(random: &mut Rng, packed: &mut Vec<u8>) {
    if random.u8(..4) == 0 {
        // What is no log is not packed.
        if let Ok(changed) = changed_log(random) {
            *packed = changed;
        }
    }
    if random.u8(..4) == 0 {
        change(random, packed, 8..PREAMBLE);
    }
    let mut changed = packed[..PREAMBLE].to_vec();
    let crc = crc32fast::hash(&changed[..20]).to_le_bytes();
    changed[20..].copy_from_slice(&crc);
    let mut rest = &packed[PREAMBLE..];
    while let Some((frame, behind)) = split(rest) {
        rest = behind;
        match random.u8(..8) {
            0 => {}
            1 => changed.extend([frame, frame].concat()),
            2..=4 => changed.extend(changed_frame(random, frame)),
            _ => changed.extend(frame),
        }
    }
    if random.u8(..16) == 0 {
        let all = 0..changed.len();
        change(random, &mut changed, all);
    }
    *packed = changed;
}

/// The first frame, and what lies behind it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let header = bytes.get(..FIXED)?;
    let numbers = usize::from(u16::from_le_bytes([header[6], header[7]]));
    let content = u32::from_le_bytes(header[8..12].try_into().ok()?) as usize;
    bytes.split_at_checked(FIXED + 8 * numbers + content)
}

fn changed_frame(random: &mut Rng, frame: &[u8]) -> Vec<u8> {
    let numbers = usize::from(u16::from_le_bytes([frame[6], frame[7]]));
    let (header, packed) = frame.split_at(FIXED + 8 * numbers);
    let (mut header, mut packed) = (header.to_vec(), packed.to_vec());
    let mut content = zstd::bulk::decompress(&packed, 4 << 20).unwrap_or_default();
    match random.u8(..4) {
        0 => {
            let all = 4..header.len();
            change(random, &mut header, all);
        }
        // Of what unpacks to far more than there can be.
        1 if random.u8(..16) == 0 => content = vec![0; 64 << 20],
        1 => content.resize(random.usize(..=2 * content.len()), 7),
        _ => {
            let used = content.len().min(4096);
            change(random, &mut content, 0..used);
        }
    }
    if let Ok(again) = zstd::bulk::compress(&content, 1) {
        packed = again;
    }
    header[8..12].copy_from_slice(&(packed.len() as u32).to_le_bytes());
    header[12..16].copy_from_slice(&crc32fast::hash(&packed).to_le_bytes());
    let crc = crc32fast::hash(&[&header[..16], &header[FIXED..]].concat());
    header[16..FIXED].copy_from_slice(&crc.to_le_bytes());
    [header, packed].concat()
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
