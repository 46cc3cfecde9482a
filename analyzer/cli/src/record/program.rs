//! Checks from its file that a library can be preloaded into a program.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Read as _},
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use memtrace_analysis::Text;
use object::{
    Endianness,
    elf::{self, FileHeader64},
    read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _},
};

use crate::failure::Failure;

/// The most scripts that may stand for one another before there must be a program.
const MOST_INTERPRETERS: usize = 4;

/// A file that is larger is looked at no further than this: headers and dynamic sections lie there in what is built today.
const LOOKED_AT: u64 = 64 << 20;

/// A program that can be recorded.
pub(crate) struct Program {
    path: PathBuf,
    /// The library of a sanitizer that it is linked to, which must be loaded first.
    sanitizer: Option<OsString>,
    is_shell: bool,
}

/// Why a program cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("it is linked statically, so no library can be loaded into it")]
    Static,
    #[error("it runs with the rights of its owner (setuid or setgid), so the loader ignores LD_PRELOAD")]
    RaisedRights,
    #[error("it is for another kind of processor than this library")]
    OtherProcessor,
    #[error("it is neither a program nor a script that begins with #! and an interpreter")]
    NotAProgram,
}

impl Unfit {
    /// What the user can do.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::Static => {
                "link it dynamically, or link the tracer into it: see \"Record your own program\" in the README"
            }
            Self::RaisedRights => {
                "run `memtrace record` itself with those rights, on the program behind it: sudo memtrace record -- CMD"
            }
            Self::OtherProcessor => "use a program, and a libmemtrace.so, of 64 bits for this machine",
            Self::NotAProgram => "name its interpreter: memtrace record -- bash SCRIPT",
        }
    }
}

impl Program {
    /// Finds what a shell would run by this name.
    pub(crate) fn find(name: &OsStr) -> Result<Self, Failure> {
        let path = search(name).map_err(|error| Failure::not_run(name, &error))?;
        let unfit = |error| Failure::Unrecordable { program: Text::new(name.to_string_lossy()), error };
        let interpreter = last_interpreter(&path).map_err(|error| Failure::not_run(name, &error))?;
        let Some((interpreter, content)) = interpreter else { return Err(unfit(Unfit::NotAProgram)) };
        let has_raised_rights = fs::metadata(&interpreter).is_ok_and(|file| file.mode() & 0o6000 != 0);
        if has_raised_rights {
            return Err(unfit(Unfit::RaisedRights));
        }
        let sanitizer = linked_sanitizer(&content).map_err(unfit)?;
        let shells = ["sh", "bash", "dash", "zsh", "ksh", "fish"];
        let is_shell =
            interpreter.file_name().is_some_and(|name| shells.iter().any(|shell| *name == **shell));
        Ok(Self { path, sanitizer, is_shell })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn sanitizer(&self) -> Option<&OsStr> {
        self.sanitizer.as_deref()
    }

    /// What a user should know of a recording of this program.
    pub(crate) fn notes(&self, follow: bool) -> Vec<String> {
        let mut notes = Vec::new();
        if self.is_shell && !follow {
            notes.push("it is a shell; the programs that it runs are recorded with --follow".to_owned());
        }
        let others = env::var_os("LD_PRELOAD").unwrap_or_default();
        for library in preloaded(&others).chain(self.sanitizer()) {
            let what = if is_sanitizer(library) {
                "allocates by itself, so host memory is not recorded"
            } else {
                "is preloaded too; recorded is what the program asks of it"
            };
            notes.push(format!("{} {what}", Text::new(library.to_string_lossy())));
        }
        notes
    }
}

/// The libraries in a value of `LD_PRELOAD`.
pub(crate) fn preloaded(list: &OsStr) -> impl Iterator<Item = &OsStr> {
    let separates = |byte: &u8| *byte == b' ' || *byte == b':';
    list.as_bytes().split(separates).filter(|path| !path.is_empty()).map(OsStr::from_bytes)
}

/// Whether a library is the run-time of a sanitizer, which replaces the allocator and insists on being loaded first.
pub(crate) fn is_sanitizer(library: &OsStr) -> bool {
    let name = Path::new(library).file_name().unwrap_or_default().to_string_lossy();
    ["libasan", "libtsan", "libmsan", "liblsan", "libclang_rt"].iter().any(|prefix| name.starts_with(prefix))
}

/// The file that `execvp` would run.
fn search(name: &OsStr) -> io::Result<PathBuf> {
    if name.as_bytes().contains(&b'/') {
        return runnable(PathBuf::from(name));
    }
    let path = env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    let mut result = Err(io::ErrorKind::NotFound.into());
    for folder in env::split_paths(&path) {
        match runnable(folder.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(found) => return Ok(found),
            refused => result = refused,
        }
    }
    result
}

fn runnable(path: PathBuf) -> io::Result<PathBuf> {
    let file = fs::metadata(&path)?;
    if file.is_file() && file.mode() & 0o111 != 0 {
        Ok(path)
    } else {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

/// The program that a script, or a script that is its interpreter, is run by, and what is in it. `None`: there is none.
fn last_interpreter(path: &Path) -> io::Result<Option<(PathBuf, Vec<u8>)>> {
    let mut path = path.to_owned();
    for _ in 0..MOST_INTERPRETERS {
        let mut content = Vec::new();
        match File::open(&path) {
            Ok(file) => file.take(LOOKED_AT).read_to_end(&mut content)?,
            // It may be run without being readable.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Ok(Some((path, content)));
            }
            Err(error) => return Err(error),
        };
        let Some(line) = content.strip_prefix(b"#!") else {
            let is_program = content.starts_with(&elf::ELFMAG);
            return Ok(is_program.then_some((path, content)));
        };
        let line = line.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let Some(interpreter) = words.next().map(OsStr::from_bytes) else { return Ok(None) };
        let is_env = Path::new(interpreter).file_name() == Some(OsStr::new("env"));
        // `env` finds the interpreter, after options and variables of its own.
        let named = words.find(|word| is_env && !word.starts_with(b"-") && !word.contains(&b'='));
        path = match named {
            Some(named) => search(OsStr::from_bytes(named))?,
            None => PathBuf::from(interpreter),
        };
    }
    Ok(None)
}

/// The run-time of a sanitizer that a program is linked to, if a library can be preloaded into it at all.
fn linked_sanitizer(content: &[u8]) -> Result<Option<OsString>, Unfit> {
    if content.is_empty() {
        return Ok(None);
    }
    let processor = if cfg!(target_arch = "aarch64") { elf::EM_AARCH64 } else { elf::EM_X86_64 };
    let header = FileHeader64::<Endianness>::parse(content).map_err(|_| Unfit::OtherProcessor)?;
    let endian = header.endian().map_err(|_| Unfit::OtherProcessor)?;
    if header.e_machine(endian) != processor {
        return Err(Unfit::OtherProcessor);
    }
    let segments = header.program_headers(endian, content).unwrap_or_default();
    if !segments.iter().any(|segment| segment.p_type(endian) == elf::PT_INTERP) {
        return Err(Unfit::Static);
    }
    let names = || {
        let sections = header.sections(endian, content).ok()?;
        let (entries, link) = sections.dynamic(endian, content).ok()??;
        let strings = sections.strings(endian, content, link).ok()?;
        let needed = entries.iter().filter(|entry| entry.tag(endian) == elf::DT_NEEDED);
        let names = needed.filter_map(|entry| entry.string(endian, strings).ok());
        Some(names.map(|name| OsStr::from_bytes(name).to_owned()).collect::<Vec<OsString>>())
    };
    Ok(names().unwrap_or_default().into_iter().find(|name| is_sanitizer(name)))
}
