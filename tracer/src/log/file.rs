//! The file: made so that it can hurt nobody, grown so that a full disk is an error and not a signal.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io, mem,
    os::{
        fd::AsRawFd,
        unix::fs::{FileExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    process,
};

use memtrace_format::{CLOSING_OFFSET, Closing, DropCause, FIRST_CHUNK_OFFSET, FileHeader};
use thiserror::Error;

use crate::message::say;

/// The log's file. It is locked exclusively while it is open, so that a reader can tell a running recording.
pub(crate) struct LogFile {
    file: File,
    path: PathBuf,
    length: u64,
    max_size: Option<u64>,
}

/// How much longer a file became, and why not as much as was asked for.
pub(crate) struct Growth {
    pub(crate) units: u64,
    pub(crate) shortage: Option<LogFileError>,
}

/// Why the log cannot be made or grown.
#[derive(Debug, Error)]
pub(crate) enum LogFileError {
    #[error("cannot create {path:?}: {error}")]
    Create { path: PathBuf, error: io::Error },
    #[error("cannot grow {path:?}: {error}")]
    Grow { path: PathBuf, error: io::Error },
    #[error("{path:?} has reached MEMTRACE_MAX_SIZE ({limit} bytes)")]
    MaxSize { path: PathBuf, limit: u64 },
    #[error("{path:?} has reached the largest file this process may write ({limit} bytes, ulimit -f)")]
    FileSizeLimit { path: PathBuf, limit: u64 },
    #[error(
        "{path:?} is too small for a ring: what is live now takes {live} bytes of it; try a larger MEMTRACE_MAX_SIZE"
    )]
    Ring { path: PathBuf, live: u64 },
    #[error("cannot map {path:?}: {error}")]
    Map { path: PathBuf, error: io::Error },
    #[error("cannot write to {path:?}: {error}")]
    Write { path: PathBuf, error: io::Error },
    #[error("somebody made {path:?} shorter while it was recorded")]
    Truncated { path: PathBuf },
    #[error(
        "there is no room for {path:?} to change what is on the disk already (a snapshot or a copy shares it)"
    )]
    Shared { path: PathBuf },
}

impl LogFileError {
    /// The cause under which events are counted that are lost because of it.
    pub(crate) fn cause(&self) -> DropCause {
        match self {
            Self::MaxSize { .. } | Self::FileSizeLimit { .. } | Self::Ring { .. } => DropCause::SizeLimit,
            Self::Grow { error, .. } if is_full(error) => DropCause::DiskFull,
            Self::Shared { .. } => DropCause::DiskFull,
            _ => DropCause::Failed,
        }
    }
}

impl LogFile {
    /// Makes the file. Nothing that exists is written to: if the name is taken, the process id is put into it.
    pub(crate) fn create(path: &Path, max_size: Option<u64>) -> Result<Self, LogFileError> {
        let (file, path) = match create_new(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let free = with_pid(path);
                let file =
                    create_new(&free).map_err(|error| LogFileError::Create { path: free.clone(), error })?;
                let holder = if this_process_records_into(path) {
                    "is another tracer's of this process"
                } else {
                    "exists"
                };
                say(format_args!("{path:?} {holder}; recording into {free:?}"));
                (file, free)
            }
            Err(error) => return Err(LogFileError::Create { path: path.to_owned(), error }),
            Ok(file) => (file, path.to_owned()),
        };
        allow_overwriting(&file);
        // A filesystem without locks loses nothing but the reader's knowledge that the recording still runs.
        let _ = file.try_lock();
        Ok(Self { file, path, length: 0, max_size })
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the file longer by `most` units of `unit` bytes, or by fewer if there is no room for all, with room on the
    /// disk behind every byte, so that storing into a mapping of it cannot fail.
    ///
    /// # Errors
    ///
    /// There is no room for a single one.
    pub(crate) fn grow(&mut self, unit: u64, most: u64) -> Result<Growth, LogFileError> {
        let Growth { mut units, mut shortage } = self.room(unit, most);
        while units > 0 {
            match allocate(&self.file, self.length, units * unit) {
                Ok(()) => {
                    self.length += units * unit;
                    return Ok(Growth { units, shortage });
                }
                Err(error) => {
                    units = if is_full(&error) { units / 2 } else { 0 };
                    shortage = Some(LogFileError::Grow { path: self.path.clone(), error });
                }
            }
        }
        Err(shortage.expect("without a shortage there is room for every unit"))
    }

    /// How many of `most` units the limits on the file's size leave room for, and which limit it is that leaves no more.
    fn room(&self, unit: u64, most: u64) -> Growth {
        let path = || self.path.clone();
        let limits = [
            self.max_size.map(|limit| (limit, LogFileError::MaxSize { path: path(), limit })),
            // Growing past this limit would kill the process with SIGXFSZ.
            file_size_limit().map(|limit| (limit, LogFileError::FileSizeLimit { path: path(), limit })),
        ];
        let mut room = Growth { units: most, shortage: None };
        for (limit, error) in limits.into_iter().flatten() {
            let fit = limit.saturating_sub(self.length) / unit;
            if fit < room.units {
                room = Growth { units: fit, shortage: Some(error) };
            }
        }
        room
    }

    /// A mapping of the file failed.
    pub(crate) fn map_error(&self, error: io::Error) -> LogFileError {
        LogFileError::Map { path: self.path.clone(), error }
    }

    /// The file is too small for a ring that must hold a baseline of `live` bytes.
    pub(crate) fn ring_error(&self, live: u64) -> LogFileError {
        LogFileError::Ring { path: self.path.clone(), live }
    }

    pub(crate) fn write_header(&self, header: &FileHeader) -> Result<(), LogFileError> {
        self.write_at(&header.to_bytes(), 0)
    }

    pub(crate) fn write_closing(&self, closing: &Closing, session: u64) -> Result<(), LogFileError> {
        self.write_at(&closing.to_bytes(session), CLOSING_OFFSET as u64)
    }

    /// The file is of no use: nothing could be recorded.
    pub(crate) fn discard(self) {
        let _ = fs::remove_file(&self.path);
    }

    /// Lets readers know that the recording is over. Closing the file does not: it stays mapped.
    pub(crate) fn unlock(&self) {
        let _ = self.file.unlock();
    }

    /// Gives back what lies behind `size`.
    pub(crate) fn truncate(&self, size: u64) -> Result<(), LogFileError> {
        if self.length_now().is_some_and(|length| length <= size) {
            return Ok(());
        }
        self.file.set_len(size).map_err(|error| LogFileError::Write { path: self.path.clone(), error })
    }

    /// Why a store into a mapping of the file failed: somebody cut it, or the disk has no room for a copy of a page.
    pub(crate) fn fault(&self) -> LogFileError {
        let path = self.path.clone();
        if self.was_truncated() { LogFileError::Truncated { path } } else { LogFileError::Shared { path } }
    }

    /// Whether somebody made the file shorter than this process made it.
    pub(crate) fn was_truncated(&self) -> bool {
        self.length_now().is_some_and(|length| length < self.length)
    }

    /// Whether header and closing block have their places in the file still.
    pub(crate) fn has_its_beginning(&self) -> bool {
        self.length_now().is_none_or(|length| length >= FIRST_CHUNK_OFFSET as u64)
    }

    /// How long the file is; none if that cannot be known.
    fn length_now(&self) -> Option<u64> {
        self.file.metadata().ok().map(|metadata| metadata.len())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), LogFileError> {
        let written = write_all(&self.file, bytes, offset);
        written.map_err(|error| LogFileError::Write { path: self.path.clone(), error })
    }
}

fn create_new(path: &Path) -> io::Result<File> {
    // The standard library adds O_CLOEXEC, and `create_new` means O_EXCL.
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
}

/// Whether a log at `path` is being recorded by this process: it has two tracers then, its own and that of a library.
fn this_process_records_into(path: &Path) -> bool {
    let open = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let Ok(file) = open else { return false };
    let mut bytes = [0; FileHeader::BYTES];
    let recording = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    recording
        && file.read_exact_at(&mut bytes, 0).is_ok()
        && FileHeader::parse(&bytes).is_ok_and(|header| header.pid == process::id())
}

/// `run.trace` → `run.4242.trace`.
fn with_pid(path: &Path) -> PathBuf {
    let pid = process::id().to_string();
    match path.extension() {
        Some(extension) => path.with_extension(format!("{pid}.{}", extension.display())),
        None => path.with_extension(pid),
    }
}

fn file_size_limit() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid place to write to.
    let outcome = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) };
    (outcome == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

/// Whether the disk, or what this user may have of it, is full.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// On btrfs every change goes to a new place, for which there may be no room, whatever was allocated. A file that is empty still
/// can be made one that is changed in its place, as long as no snapshot shares it. Other filesystems refuse, and lose nothing.
fn allow_overwriting(file: &File) {
    const NO_COPY_ON_WRITE: libc::c_int = 0x0080_0000;
    // SAFETY: both calls get a valid place for the flags, which are an int whatever the header says.
    unsafe {
        let mut status: libc::statfs = mem::zeroed();
        if libc::fstatfs(file.as_raw_fd(), &raw mut status) != 0
            || status.f_type as u64 != libc::BTRFS_SUPER_MAGIC as u64
        {
            return;
        }
        let mut flags: libc::c_int = 0;
        if libc::ioctl(file.as_raw_fd(), libc::FS_IOC_GETFLAGS, &raw mut flags) == 0 {
            flags |= NO_COPY_ON_WRITE;
            libc::ioctl(file.as_raw_fd(), libc::FS_IOC_SETFLAGS, &raw const flags);
        }
    }
}

/// How often a call may be interrupted, on a thread that takes no signals, before that is taken for a refusal.
const INTERRUPTIONS: u32 = 100;

fn allocate(file: &File, offset: u64, length: u64) -> io::Result<()> {
    let mut interruptions = 0;
    loop {
        // SAFETY: fallocate takes no pointers, and the descriptor is open.
        let outcome =
            unsafe { libc::fallocate(file.as_raw_fd(), 0, offset.cast_signed(), length.cast_signed()) };
        if outcome == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) if interruptions < INTERRUPTIONS => interruptions += 1,
            // The filesystem cannot. Written zeros take room just as well, only slower.
            Some(libc::EOPNOTSUPP | libc::ENOSYS) => return write_zeros(file, offset, length),
            _ => return Err(error),
        }
    }
}

fn write_zeros(file: &File, mut offset: u64, length: u64) -> io::Result<()> {
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    let end = offset + length;
    while offset < end {
        let step = ZEROS.len().min((end - offset) as usize);
        write_all(file, &ZEROS[..step], offset)?;
        offset += step as u64;
    }
    Ok(())
}

/// As the standard library's, but not for ever.
fn write_all(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    let mut interruptions = 0;
    while !bytes.is_empty() {
        match file.write_at(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                offset += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted && interruptions < INTERRUPTIONS => {
                interruptions += 1;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
