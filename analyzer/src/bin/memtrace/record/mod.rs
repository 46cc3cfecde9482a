//! `memtrace record`: a program is run with the tracer's library in it.
//!
//! The file is the only interface between tracer and analyzer: all that this does is to name the library and the file in
//! the program's environment, and to stand aside until the program ends.

pub(crate) mod arguments;

mod library;

mod python;

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use crate::failure::Failure;
pub(crate) use arguments::Arguments;

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let library = library::find(arguments.library.as_deref()).map_err(|_| Failure::Verdict)?;
    let (program, rest) = arguments.command.split_first().expect("clap asks for a command");
    let pattern = arguments.output.clone().unwrap_or_else(|| default_output(program));
    let mut command = Command::new(program);
    command.args(rest);
    command.env("LD_PRELOAD", preload(&library));
    command.env("MEMTRACE_FILE", &pattern);
    command.env("MEMTRACE_RECORD", switches(arguments));
    if arguments.torch {
        let package = python::find(arguments.python.as_deref(), &library).map_err(|_| Failure::Verdict)?;
        python::prepare(&mut command, &package);
    }
    let status = command.status().map_err(Failure::Output)?;
    Ok(ExitCode::from(status.code().unwrap_or(1) as u8))
}

/// What the library is told: see `preload/environment.rs` of the tracer.
fn switches(arguments: &Arguments) -> String {
    let mut words = vec!["on".to_owned()];
    words.extend(arguments.follow.then(|| "follow".to_owned()));
    words.extend(arguments.torch.then(|| "torch".to_owned()));
    words.extend(arguments.host_threshold.map(|bytes| format!("host={bytes}")));
    words.join(",")
}

/// The library, before whatever else is to be preloaded.
fn preload(library: &Path) -> OsString {
    let mut list = library.as_os_str().to_owned();
    if let Some(others) = std::env::var_os("LD_PRELOAD").filter(|others| !others.is_empty()) {
        list.push(":");
        list.push(others);
    }
    list
}

fn default_output(program: &OsStr) -> PathBuf {
    let name = Path::new(program).file_name().unwrap_or(OsStr::new("run"));
    let mut file = name.to_owned();
    file.push(".%p.trace");
    PathBuf::from(file)
}
