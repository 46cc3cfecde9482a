//! Makes a Python program name its modules, or tell its calls: a folder that its interpreter looks into first, where a
//! `sitecustomize` sees to that. It belongs to the Python package, which says there how it puts things back.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// The folder, in the package.
const FOLDER: &str = "memtrace/preload";

/// The package's folder: the one that was named, or the first near the library that is there. `Err`: the places looked at.
pub(crate) fn find(named: Option<&Path>, library: &Path) -> Result<PathBuf, Vec<PathBuf>> {
    let places = named.map_or_else(|| near(library), |named| vec![named.to_owned()]);
    let is_there = |place: &&PathBuf| place.join(FOLDER).join("sitecustomize.py").is_file();
    let found = places.iter().find(is_there).and_then(|place| place.canonicalize().ok());
    found.ok_or(places)
}

/// Around the library, which is in the package itself where `pip` installed both; beside it, as an archive has it; and in the sources
/// that it was built from, up to where a build for a named target lies.
fn near(library: &Path) -> Vec<PathBuf> {
    let Some(folder) = library.parent() else { return Vec::new() };
    ["..", "python", "memtrace/python", "../../tracer/python", "../../../tracer/python"]
        .iter()
        .map(|place| folder.join(place))
        .collect()
}

/// Puts the folder in front of what the interpreter is told to look into, and says what that was.
pub(crate) fn prepare(command: &mut Command, package: &Path) {
    let before = env::var_os("PYTHONPATH").filter(|path| !path.is_empty());
    let folder = package.join(FOLDER);
    let mut path = folder.into_os_string();
    if let Some(before) = &before {
        path.push(":");
        path.push(before);
    }
    command.env("PYTHONPATH", path).env("MEMTRACE_PYTHONPATH", before.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_package_is_found_around_the_library_and_beside_it() {
        for (library, package) in [
            ("site-packages/memtrace/libmemtrace.so", "site-packages"),
            ("lib/libmemtrace.so", "lib/python"),
            ("target/release/libmemtrace.so", "tracer/python"),
            ("target/some-target/dist/libmemtrace.so", "tracer/python"),
        ] {
            let root = tempfile::tempdir().expect("a temporary directory");
            let root = root.path().canonicalize().expect("it is there");
            let (library, package) = (root.join(library), root.join(package));
            fs::create_dir_all(library.parent().expect("it has a folder")).expect("room");
            assert!(find(None, &library).is_err());
            fs::create_dir_all(package.join(FOLDER)).expect("room");
            fs::write(package.join(FOLDER).join("sitecustomize.py"), "").expect("room");
            assert_eq!(find(None, &library), Ok(package));
        }
    }
}
