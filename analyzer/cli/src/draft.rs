//! A file that has no name yet. However the command ends, nothing is left of it.
//!
//! On a filesystem that has no such files (NFS is one), it has a name that begins with `.memtrace-`; that is left behind where the
//! command is killed.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, linkat, open},
    io::Errno,
};
use tempfile::NamedTempFile;

const PREFIX: &str = ".memtrace-";

pub(crate) enum Draft {
    Unnamed(File),
    Named(NamedTempFile),
}

impl Draft {
    /// One that can get a name in this folder.
    pub(crate) fn begin(folder: &Path) -> io::Result<Self> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        match open(folder, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => Ok(Self::Unnamed(file.into())),
            // There are no such files here.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
                let named = tempfile::Builder::new().prefix(PREFIX).tempfile_in(folder);
                named.map(Self::Named).map_err(without_its_path)
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn file(&self) -> &File {
        match self {
            Self::Unnamed(file) => file,
            Self::Named(named) => named.as_file(),
        }
    }

    pub(crate) fn file_mut(&mut self) -> &mut File {
        match self {
            Self::Unnamed(file) => file,
            Self::Named(named) => named.as_file_mut(),
        }
    }

    /// A path by which this process can open it.
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::Unnamed(file) => PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())),
            Self::Named(named) => named.path().to_owned(),
        }
    }

    /// Gives it its name, that of a file that is there only if it is to `replace` it.
    pub(crate) fn place(self, path: &Path, replace: bool) -> io::Result<()> {
        match &self {
            Self::Unnamed(_) if replace => {
                // A name cannot be given in another's place, only be changed to it.
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                let make = |path: &Path| self.link(path);
                let named = tempfile::Builder::new()
                    .prefix(PREFIX)
                    .make_in(folder.unwrap_or(Path::new(".")), make)
                    .map_err(without_its_path)?;
                fs::rename(named.path(), path)?;
                // It has no such name any more.
                let _ = named.into_temp_path().keep();
                Ok(())
            }
            Self::Unnamed(_) => self.link(path),
            Self::Named(_) => self.persist(path, replace),
        }
    }

    fn link(&self, path: &Path) -> io::Result<()> {
        Ok(linkat(CWD, self.path(), CWD, path, AtFlags::SYMLINK_FOLLOW)?)
    }

    fn persist(self, path: &Path, replace: bool) -> io::Result<()> {
        let Self::Named(named) = self else { return Ok(()) };
        let placed = if replace { named.persist(path) } else { named.persist_noclobber(path) };
        placed.map(drop).map_err(|error| error.error)
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file_mut().flush()
    }
}

/// The error itself, without the name that tempfile adds to it: nobody asked for that name.
fn without_its_path(error: io::Error) -> io::Error {
    let told = error.to_string();
    match told.split_once(" at path ") {
        Some((what, _)) => io::Error::new(error.kind(), what.to_owned()),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Of either kind: it is nowhere until it is placed, and then under its name alone.
    #[test]
    fn a_draft_gets_its_name_in_the_end() {
        let named = |folder: &Path| Draft::Named(tempfile::Builder::new().tempfile_in(folder).unwrap());
        for begin in [|folder: &Path| Draft::begin(folder).unwrap(), named] {
            for replace in [false, true] {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("out");
                if replace {
                    fs::write(&path, "old").unwrap();
                }
                let mut draft = begin(folder.path());
                draft.write_all(b"new").unwrap();
                assert_eq!(fs::read(draft.path()).unwrap(), b"new");
                draft.place(&path, replace).unwrap();
                assert_eq!(names(folder.path()), ["out"]);
                assert_eq!(fs::read(&path).unwrap(), b"new");
                let other = begin(folder.path()).place(&path, false).unwrap_err();
                assert_eq!(other.kind(), io::ErrorKind::AlreadyExists);
                assert_eq!(fs::read(&path).unwrap(), b"new");
                drop(begin(folder.path()));
                assert_eq!(names(folder.path()), ["out"]);
            }
        }
    }

    #[test]
    fn an_error_tells_no_name_that_nobody_asked_for() {
        let nowhere = Path::new("/nowhere/at/all");
        let of_tempfile = tempfile::Builder::new().prefix(PREFIX).tempfile_in(nowhere).unwrap_err();
        assert!(of_tempfile.to_string().contains(PREFIX));
        for error in [Draft::begin(nowhere).err().unwrap(), without_its_path(of_tempfile)] {
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
            assert!(
                !error.to_string().contains(PREFIX) && error.to_string().contains("directory"),
                "{error}"
            );
        }
    }
}
