//! Finds the library that records.

use std::{
    env,
    path::{Path, PathBuf},
};

const NAME: &str = "libmemtrace.so";

/// The library: the one that was named, or the first near this command that is there. `Err`: the places looked at.
pub(crate) fn find(named: Option<&Path>) -> Result<PathBuf, Vec<PathBuf>> {
    let places = named.map_or_else(near_this_command, |named| vec![named.to_owned()]);
    let found = places.iter().find_map(|place| place.is_file().then(|| place.canonicalize().ok()).flatten());
    found.ok_or(places)
}

/// Beside the command, as in a build folder; in `lib` beside its `bin`, as where it is installed; and where a test's
/// binary, a folder below, finds it.
fn near_this_command() -> Vec<PathBuf> {
    let Ok(command) = env::current_exe() else { return Vec::new() };
    let Some(folder) = command.parent() else { return Vec::new() };
    ["", "../lib", "../lib/memtrace", ".."].iter().map(|place| folder.join(place).join(NAME)).collect()
}
