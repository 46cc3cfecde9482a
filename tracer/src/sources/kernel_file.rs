//! Files that the kernel writes anew each time they are read.

use std::{cell::RefCell, fs::File, os::unix::fs::FileExt, path::Path};

use super::{Reading, Unavailable};

/// Longer than any file that is read here.
const MOST_BYTES: usize = 8 << 10;

/// A file of `/proc`, `/sys` or the cgroup's, opened once.
pub(super) struct KernelFile {
    name: &'static str,
    file: File,
    text: RefCell<Box<[u8; MOST_BYTES]>>,
}

impl KernelFile {
    /// Opens `path`, which errors call `name`.
    pub(super) fn open(name: &'static str, path: impl AsRef<Path>) -> Reading<Self> {
        let file = File::open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Unavailable::Missing(name.to_owned()),
            _ => Unavailable::Failed { call: name, why: error.to_string() },
        })?;
        Ok(Self { name, file, text: RefCell::new(Box::new([0; MOST_BYTES])) })
    }

    /// What `parse` finds in what the file says now.
    pub(super) fn read<T>(&self, parse: impl FnOnce(&str) -> Option<T>) -> Reading<T> {
        let mut text = self.text.borrow_mut();
        let mut length = 0;
        // A file may come in pieces of a page.
        while length < MOST_BYTES {
            match self.file.read_at(&mut text[length..], length as u64) {
                Ok(0) => break,
                Ok(count) => length += count,
                // Pressure that is not accounted is found out when it is read.
                Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {
                    return Err(Unavailable::Unsupported { call: self.name });
                }
                Err(error) => return Err(self.failed(error.to_string())),
            }
        }
        let text = std::str::from_utf8(&text[..length]).map_err(|error| self.failed(error.to_string()))?;
        parse(text).ok_or_else(|| self.failed("it does not say what was expected".to_owned()))
    }

    fn failed(&self, why: String) -> Unavailable {
        Unavailable::Failed { call: self.name, why }
    }
}

/// The number of KiB in the line `key: number kB`, in bytes.
pub(super) fn kibibytes(text: &str, key: &str) -> Option<memtrace_format::Bytes> {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    let number: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    number.checked_mul(1024).map(memtrace_format::Bytes)
}
