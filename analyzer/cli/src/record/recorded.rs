//! A trace that a recording made, and what becomes of it when its process is gone: one that was killed, or that ended without the
//! library's knowing, has left it as it was.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use memtrace_format::{
    CHUNK_BYTES, CLOSING_OFFSET, Closing, DropCounts, Ending, FIRST_CHUNK_OFFSET, FileHeader,
};
use rustix::fs::OFlags;

pub(super) struct Recorded {
    path: PathBuf,
    header: FileHeader,
}

impl Recorded {
    /// The trace at this path, if it is one.
    pub(super) fn at(path: PathBuf) -> Option<Self> {
        let mut beginning = [0; FileHeader::BYTES];
        open(&path, false).and_then(|file| file.read_exact_at(&mut beginning, 0)).ok()?;
        let header = FileHeader::parse(&beginning).ok()?;
        Some(Self { path, header })
    }

    /// The run that it is of, if it is of any.
    pub(super) fn run(&self) -> u64 {
        (self.header.session >> 64) as u64
    }

    pub(super) fn process(&self) -> u32 {
        self.header.pid
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn into_path(self) -> PathBuf {
        self.path
    }

    /// If nobody records into it any more, gives back the room that nothing is in, and where its process ended `in_order` says so in
    /// it. What cannot be done leaves it as it is, which readers know.
    pub(super) fn settle(&self, in_order: bool) {
        let _ = self.try_settle(in_order);
    }

    fn try_settle(&self, in_order: bool) -> io::Result<()> {
        let file = open(&self.path, true)?;
        // A tracer has it locked while it records.
        file.try_lock()?;
        let session = self.header.short_session();
        let mut page = [0; Closing::BYTES];
        file.read_exact_at(&mut page, CLOSING_OFFSET as u64)?;
        let told = Closing::parse(&page, session);
        if told.as_ref().is_some_and(|closing| closing.ending != Ending::Running) {
            return Ok(());
        }
        file.set_len(end_of_use(&file)?)?;
        if in_order {
            let (end, drops) =
                told.map_or((self.header.start, DropCounts::default()), |told| (told.end, told.drops));
            let closing = Closing { ending: Ending::Exited, end, drops, text: String::new() };
            file.write_all_at(&closing.to_bytes(session), CLOSING_OFFSET as u64)?;
        }
        Ok(())
    }
}

fn open(path: &Path, to_write: bool) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    OpenOptions::new().read(true).write(to_write).custom_flags(flags.bits().cast_signed()).open(path)
}

/// Where the last chunk ends that a thread took: one that nobody took begins with zeros.
fn end_of_use(file: &File) -> io::Result<u64> {
    let (first, chunk) = (FIRST_CHUNK_OFFSET as u64, CHUNK_BYTES as u64);
    let mut chunks = file.metadata()?.len().saturating_sub(first) / chunk;
    let mut magic = [0; 8];
    while chunks > 0 {
        file.read_exact_at(&mut magic, first + (chunks - 1) * chunk)?;
        if magic != [0; 8] {
            break;
        }
        chunks -= 1;
    }
    Ok(first + chunks * chunk)
}
