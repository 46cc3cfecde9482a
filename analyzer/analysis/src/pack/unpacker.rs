//! Unpacks a packed log.

use std::{fs::File, os::unix::fs::FileExt as _};

use memtrace_format::{Bytes, CHUNK_BYTES, FIRST_CHUNK_OFFSET};

use crate::{
    Progress,
    source::{FREE_RUN, Log},
};
use crate::{pack::PackError, source::packed::chunk_offset};

/// A chunk that nobody used. Compared as a whole, for an archive may claim thousands of them.
static UNUSED: [u8; CHUNK_BYTES] = [0; CHUNK_BYTES];

/// What unpacking did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unpacked {
    /// The length of the log.
    pub log_bytes: Bytes,
}

/// Writes the log of a trace, packed or not, into `log`, an empty file. Chunks that nobody used become holes. `watch` is told
/// how far it has come.
///
/// # Errors
///
/// The trace cannot be read or the log cannot be written.
pub fn unpack(trace: &Log, log: &File, watch: &mut dyn FnMut(Progress)) -> Result<Unpacked, PackError> {
    let file = &trace.file;
    let log_bytes = file.bytes();
    log.set_len(log_bytes)?;
    let mut piece = vec![0; CHUNK_BYTES];
    let have = file.read_up_to(0, &mut piece[..FIRST_CHUNK_OFFSET])?;
    log.write_all_at(&piece[..have], 0)?;
    let mut free_run = 0;
    for number in 0.. {
        let offset = chunk_offset(number);
        if offset >= log_bytes || free_run == FREE_RUN {
            break;
        }
        watch(Progress { done: Bytes(offset), total: Bytes(log_bytes) });
        let have = file.read_up_to(offset, &mut piece)?;
        free_run = if piece[..have] == UNUSED[..have] { free_run + 1 } else { 0 };
        if free_run == 0 {
            log.write_all_at(&piece[..have], offset)?;
        }
    }
    watch(Progress { done: Bytes(log_bytes), total: Bytes(log_bytes) });
    Ok(Unpacked { log_bytes: Bytes(log_bytes) })
}
