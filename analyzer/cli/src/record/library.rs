//! Finds the library that records.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

const NAME: &str = "libmemtrace.so";

/// The distribution that `pip` installs, as its folder of metadata spells it.
const DISTRIBUTION: &str = concat!("memtrace_gpu-", env!("CARGO_PKG_VERSION"), ".dist-info");

/// The library: the one that was named, or the first near this command that is there. `Err`: the places looked at.
pub(crate) fn find(named: Option<&Path>) -> Result<PathBuf, Vec<PathBuf>> {
    let places = named.map_or_else(near_this_command, |named| vec![named.to_owned()]);
    let found = places.iter().find_map(|place| place.is_file().then(|| place.canonicalize().ok()).flatten());
    found.ok_or(places)
}

fn near_this_command() -> Vec<PathBuf> {
    let command = env::current_exe().unwrap_or_default();
    command.parent().map(near).unwrap_or_default()
}

/// Beside the command, as in a build folder; in `lib` beside its `bin`, as an archive has it; where a test's binary, a folder
/// below, finds it; and in the Python package, as `pip` and Debian install it.
fn near(folder: &Path) -> Vec<PathBuf> {
    let places = ["", "../lib", "../lib/memtrace", ".."].map(|place| folder.join(place));
    let packages = sites(&folder.join("..")).into_iter().map(|site| site.join("memtrace"));
    places.into_iter().chain(packages).map(|place| place.join(NAME)).collect()
}

/// The folders below `prefix` that Python's packages may lie in: `pip install --target` leaves them at the prefix itself, every other
/// installation in `lib/python3.X`. Of several Pythons, the one comes first that has this version.
fn sites(prefix: &Path) -> Vec<PathBuf> {
    let pythons = ["lib", "lib64"].iter().filter_map(|lib| fs::read_dir(prefix.join(lib)).ok()).flatten();
    let pythons = pythons
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with("python")));
    let mut sites: Vec<PathBuf> = pythons
        .flat_map(|python| ["site-packages", "dist-packages"].map(|site| python.path().join(site)))
        .chain([prefix.to_owned()])
        .filter(|site| site.join("memtrace").is_dir())
        .collect();
    sites.sort_by_key(|site| (!site.join(DISTRIBUTION).is_dir(), site.clone()));
    sites
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A prefix with a library in some Python's packages; `version`: of the distribution beside it.
    fn install(prefix: &Path, site: &str, version: &str) -> PathBuf {
        let site = prefix.join(site);
        fs::create_dir_all(site.join("memtrace")).expect("room");
        fs::create_dir_all(site.join(format!("memtrace_gpu-{version}.dist-info"))).expect("room");
        fs::write(site.join("memtrace").join(NAME), "").expect("room");
        site.join("memtrace").join(NAME)
    }

    fn found(prefix: &Path) -> Option<PathBuf> {
        let bin = prefix.join("bin");
        fs::create_dir_all(&bin).expect("room");
        near(&bin)
            .iter()
            .find(|place| place.is_file())
            .map(|place| place.canonicalize().expect("it is there"))
    }

    #[test]
    fn it_is_found_where_installers_put_it() {
        for site in [
            "lib/python3.11/site-packages",
            "lib64/python3.14/site-packages",
            "lib/python3/dist-packages",
            "",
        ] {
            let prefix = tempfile::tempdir().expect("a temporary directory");
            let prefix = prefix.path().canonicalize().expect("it is there");
            assert_eq!(found(&prefix), None);
            let library = install(&prefix, site, env!("CARGO_PKG_VERSION"));
            assert_eq!(found(&prefix), Some(library.canonicalize().expect("it is there")), "{site:?}");
        }
    }

    #[test]
    fn of_several_pythons_the_one_with_this_version_is_taken() {
        let prefix = tempfile::tempdir().expect("a temporary directory");
        let prefix = prefix.path().canonicalize().expect("it is there");
        let other = install(&prefix, "lib/python3.10/site-packages", "0.0.1");
        assert_eq!(found(&prefix), Some(other));
        let own = install(&prefix, "lib/python3.12/site-packages", env!("CARGO_PKG_VERSION"));
        install(&prefix, "lib/python3.13/site-packages", "0.0.2");
        assert_eq!(found(&prefix), Some(own));
        // What lies beside the command belongs to it before all of them.
        let beside = prefix.join("lib").join(NAME);
        fs::write(&beside, "").expect("room");
        assert_eq!(found(&prefix), Some(beside));
    }
}
