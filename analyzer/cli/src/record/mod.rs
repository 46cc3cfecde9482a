//! `memtrace record`: runs a program with the tracer's library preloaded.
//!
//! The file is the only interface between tracer and analyzer: all that this does is to name the library and the file in
//! the program's environment, to stand aside until the program ends, and to say where the trace is.

pub(crate) mod arguments;

mod child;
pub(crate) mod library;
mod program;
pub(crate) mod python;
mod traces;

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use crate::{analyze, failure::Failure};
pub(crate) use arguments::Arguments;
use arguments::Stacks;
use memtrace_analysis::Text;
use program::Program;
pub(crate) use program::Unfit;
use traces::Traces;

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let (name, rest) = arguments.command.split_first().expect("clap asks for a command");
    let library = library::find(arguments.library.as_deref()).map_err(Failure::NoLibrary)?;
    let program = Program::find(name)?;
    let traces =
        Traces::new(arguments.output.clone().unwrap_or_else(|| default_output(name)), arguments.follow)?;

    let mut command = Command::new(program.path());
    command.args(rest);
    command.env("LD_PRELOAD", preload(&program, &library));
    command.env("MEMTRACE_FILE", traces.pattern());
    command.env("MEMTRACE_RECORD", switches(arguments));
    if arguments.torch || matches!(arguments.stacks, Some(Stacks::Python)) {
        let package = python::find(arguments.python.as_deref(), &library).map_err(Failure::NoPackage)?;
        python::prepare(&mut command, &package);
    }
    if arguments.follow {
        command.env("MEMTRACE_FOLLOW_FORK", "1");
    }
    let ended = child::run(&mut command).map_err(|error| Failure::not_run(name, &error))?;

    let made = traces.made(ended.process);
    say_where(&made, &program, arguments);
    if arguments.analyze && !made.is_empty() {
        analyze::run(&analyze::of(made))?;
    }
    Ok(ExitCode::from(ended.status))
}

/// What the library is told: see `preload/environment.rs` of the tracer.
fn switches(arguments: &Arguments) -> String {
    let mut words = vec!["on".to_owned()];
    words.extend(arguments.follow.then(|| "follow".to_owned()));
    words.extend(arguments.torch.then(|| "torch".to_owned()));
    if let Some(stacks) = arguments.stacks {
        words.extend([format!("stacks={}", stacks.word()), format!("depth={}", arguments.stack_depth)]);
    }
    words.extend(arguments.host_threshold.map(|bytes| format!("host={}", bytes.0)));
    words.join(",")
}

/// The library, before whatever else is to be preloaded, and behind what insists on being first.
fn preload(program: &Program, library: &Path) -> OsString {
    let others = std::env::var_os("LD_PRELOAD").unwrap_or_default();
    let (first, rest): (Vec<&OsStr>, Vec<&OsStr>) =
        program::preloaded(&others).partition(|library| program::is_sanitizer(library));
    let first = program.sanitizer().into_iter().chain(first);
    let list: Vec<&OsStr> = first.chain([library.as_os_str()]).chain(rest).collect();
    list.join(OsStr::new(":"))
}

fn default_output(program: &OsStr) -> PathBuf {
    let name = Path::new(program).file_name().unwrap_or(OsStr::new("run"));
    let mut file = OsString::from(name.to_string_lossy().replace('%', "%%"));
    file.push(".%p.trace");
    PathBuf::from(file)
}

/// Says on stderr where the traces are, and what is not in them.
fn say_where(made: &[PathBuf], program: &Program, arguments: &Arguments) {
    let shown = |path: &Path| Text::new(path.to_string_lossy()).to_string();
    match made {
        [] => {
            eprintln!(
                "memtrace: nothing was recorded: the program did not load the library, or ended before that"
            );
            eprintln!("  try: `memtrace doctor`; if it starts another program, `memtrace record --follow`");
        }
        [trace] => {
            eprintln!("memtrace: recorded into {}", shown(trace));
            if !arguments.analyze {
                eprintln!("  look at it: memtrace analyze {}", shown(trace));
            }
        }
        [first, ..] => {
            eprintln!("memtrace: recorded {} processes, the first into {}", made.len(), shown(first));
            if !arguments.analyze {
                let names: Vec<String> = made.iter().map(|path| shown(path)).collect();
                eprintln!("  look at them: memtrace analyze {}", names.join(" "));
            }
        }
    }
    for note in program.notes(arguments.follow) {
        eprintln!("  note: {note}");
    }
}
