//! Names for addresses of machine code: read from the files that were recorded, if they are still on this machine.
//!
//! Which files these are is what a trace says. So only plain files are opened, and one is believed only if its build id is
//! the recorded one; what it says is then text like any other.

use std::{
    fs::{self, File},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use addr2line::{Loader, demangle_auto};
use hashbrown::HashMap;
use memtrace_format::{Address, NameId};
use object::{Object as _, ReadCache};

/// What is known of a call.
#[derive(Debug)]
pub(super) struct Symbol {
    pub(super) function: String,
    /// The source file and the line in it, if the file of code says so.
    pub(super) place: Option<(String, u32)>,
}

/// Names that were looked up, and the files that they are from.
#[derive(Default)]
pub(super) struct Symbols(Mutex<State>);

#[derive(Default)]
struct State {
    /// By the file's name. `None`: it is not here, or another one.
    files: HashMap<NameId, Option<Loader>>,
    found: HashMap<(NameId, Address), Arc<[Symbol]>>,
}

impl std::fmt::Debug for Symbols {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Symbols").finish_non_exhaustive()
    }
}

impl Symbols {
    /// The calls that `returns_to` is in, the innermost first, for functions are inlined into others: none if that is not known.
    /// `identity` is what the log says of the file of this name.
    pub(super) fn calls(&self, file: NameId, identity: &str, returns_to: Address) -> Arc<[Symbol]> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { files, found } = &mut *state;
        let calls = found.entry((file, returns_to)).or_insert_with(|| {
            let loader = files.entry(file).or_insert_with(|| open(identity));
            // The call is before the address that it returns to.
            let call = returns_to.0.checked_sub(1);
            loader.as_ref().zip(call).map(|(loader, call)| calls(loader, call)).unwrap_or_default().into()
        });
        Arc::clone(calls)
    }
}

/// The name of the file in what a log says of a file of machine code.
pub(super) fn file_name(identity: &str) -> &str {
    let (path, _) = parts(identity);
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// The path and the build id in what a log says of a file of machine code.
fn parts(identity: &str) -> (&str, Option<&str>) {
    identity.rsplit_once('#').map_or((identity, None), |(path, build)| (path, Some(build)))
}

fn open(identity: &str) -> Option<Loader> {
    let (path, recorded) = parts(identity);
    let path = Path::new(path);
    if !path.is_absolute() || !fs::metadata(path).is_ok_and(|file| file.is_file()) {
        return None;
    }
    let content = ReadCache::new(File::open(path).ok()?);
    let build = object::File::parse(&content).ok()?.build_id().ok()?.map(hexadecimal);
    (build.as_deref() == recorded).then(|| Loader::new(path).ok()).flatten()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn calls(loader: &Loader, address: u64) -> Vec<Symbol> {
    let mut calls = Vec::new();
    let mut frames = loader.find_frames(address).ok();
    while let Some(Ok(Some(frame))) = frames.as_mut().map(|frames| frames.next()) {
        let place = frame.location.as_ref().and_then(|place| Some((place.file?.to_owned(), place.line?)));
        let function = frame.function.as_ref().and_then(|function| function.demangle().ok());
        if let Some(function) = function {
            calls.push(Symbol { function: function.into_owned(), place });
        } else if let Some(function) = symbol(loader, address) {
            calls.push(Symbol { function, place });
        }
    }
    if calls.is_empty() {
        calls.extend(symbol(loader, address).map(|function| Symbol { function, place: None }));
    }
    calls
}

/// The function in the file's table of symbols.
fn symbol(loader: &Loader, address: u64) -> Option<String> {
    let name = loader.find_symbol(address)?;
    Some(demangle_auto(name.into(), None).into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// The test's own program, which has lines.
    #[test]
    fn a_function_is_named_by_its_file() {
        let program = std::env::current_exe().unwrap();
        let content = fs::read(&program).unwrap();
        let parsed = object::File::parse(&*content).unwrap();
        let build = parsed.build_id().unwrap().map(hexadecimal).expect("linkers here leave a build id");
        let symbols = parsed.symbol_map();
        let wanted =
            symbols.symbols().iter().find(|symbol| symbol.name().contains("a_function_is_named_by_its_file"));
        let address = Address(wanted.expect("this function").address() + 1);

        let names = |identity: &str| {
            let calls = Symbols::default().calls(NameId(1), identity, address);
            calls.iter().map(|call| call.function.clone()).collect::<Vec<_>>()
        };
        let path = program.to_str().unwrap();
        let told = names(&format!("{path}#{build}"));
        assert!(told.iter().any(|name| name.contains("a_function_is_named_by_its_file")), "{told:?}");
        for other in [format!("{path}#0123"), path.to_owned(), "/dev/zero".to_owned(), "/tmp".to_owned()] {
            assert!(names(&other).is_empty(), "{other}");
        }
    }
}
