//! Versions, and names that somebody else's package or command has too.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use memtrace_analysis::report::FindingVerdict;

use super::Check;

const VERSIONS: &str = "versions";
const NAMES: &str = "names";
const OWN: &str = env!("CARGO_PKG_VERSION");

/// Prints four lines: the interpreter, the versions of the distributions `memtrace-gpu` and `memtrace`, and where `import memtrace` leads.
const PROGRAM: &str = "
import importlib.util, platform
from importlib import metadata
def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ''
print(platform.python_implementation(), platform.python_version())
print(version('memtrace-gpu'))
print(version('memtrace'))
spec = importlib.util.find_spec('memtrace')
print(spec.origin or '' if spec else '')
";

pub(super) fn checks(python: &Path) -> Vec<Check> {
    let output = Command::new(python).args(["-c", PROGRAM]).output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let installed = Installed::read(&said);
    let commands = on_path();
    let this = env::current_exe().unwrap_or_default();
    vec![installed.versions(), installed.names(commands.first().map(PathBuf::as_path), &this)]
}

/// The commands of this name, in the order in which a shell looks for them.
fn on_path() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).filter_map(|folder| folder.join("memtrace").canonicalize().ok()).collect()
}

/// What a Python has of these names; empty where it has nothing.
#[derive(Debug, Default)]
struct Installed<'a> {
    python: &'a str,
    ours: &'a str,
    others: &'a str,
    /// The file that `import memtrace` runs.
    module: &'a str,
}

impl<'a> Installed<'a> {
    fn read(said: &'a str) -> Self {
        let mut lines = said.lines().map(str::trim);
        let mut next = || lines.next().unwrap_or_default();
        Self { python: next(), ours: next(), others: next(), module: next() }
    }

    fn versions(&self) -> Check {
        let found = match (self.python, self.ours) {
            ("", _) => format!("memtrace {OWN}"),
            (python, "") => format!("memtrace {OWN}; {python}"),
            (python, ours) => format!("memtrace {OWN}; {python} with memtrace-gpu {ours}"),
        };
        if self.ours.is_empty() || self.ours == OWN {
            return Check::ok(VERSIONS, found);
        }
        Check::new(
            VERSIONS,
            FindingVerdict::Warn,
            found,
            "`pip install --upgrade memtrace-gpu` in that Python",
        )
    }

    /// `command`: the one that a shell runs by this name.
    fn names(&self, command: Option<&Path>, this: &Path) -> Check {
        let warn = |found, advice| Check::new(NAMES, FindingVerdict::Warn, found, advice);
        if !self.others.is_empty() {
            return warn(
                format!(
                    "this Python has another package that is called `memtrace` ({}); its module and its command stand in the way of \
                     these",
                    self.others
                ),
                "`pip uninstall memtrace`, then `pip install --force-reinstall --no-deps memtrace-gpu`; or an environment of its own",
            );
        }
        let is_ours = |module: &Path| module.with_file_name("preload").join("sitecustomize.py").is_file();
        if !self.module.is_empty() && !is_ours(Path::new(self.module)) {
            return warn(
                format!("`import memtrace` runs {}, which is not of this memtrace", self.module),
                "rename or remove it",
            );
        }
        match command {
            Some(command) if command != this => warn(
                format!("a shell that looks for `memtrace` runs {}, and not this command", command.display()),
                "put this command's folder first in PATH, or remove the other",
            ),
            _ => Check::ok(NAMES, "no other package or command is called memtrace"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn is_bad(check: &Check) -> bool {
        check.verdict == FindingVerdict::Warn
    }

    #[test]
    fn another_package_or_command_of_the_name_is_told() {
        let this = Path::new("/here/bin/memtrace");
        let folder = tempfile::tempdir().expect("a temporary directory");
        let module = folder.path().join("__init__.py");
        fs::write(&module, "").expect("room");
        let said = |others: &str, module: &str| format!("CPython 3.11.7\n{OWN}\n{others}\n{module}\n");
        let module = module.to_str().expect("its name is text");

        let lines = said("0.2.6", "");
        let check = Installed::read(&lines).names(Some(this), this);
        assert!(is_bad(&check) && check.found.recorded().contains("0.2.6"), "{check:?}");
        // A module that is not of this package, whoever installed it.
        let lines = said("", module);
        let check = Installed::read(&lines).names(Some(this), this);
        assert!(is_bad(&check) && check.found.recorded().contains(module), "{check:?}");
        let check = Installed::read(&said("", "")).names(Some(Path::new("/there/memtrace")), this);
        assert!(is_bad(&check) && check.found.recorded().contains("/there/memtrace"), "{check:?}");

        // Ours, and nobody's: silent.
        fs::create_dir(folder.path().join("preload")).expect("room");
        fs::write(folder.path().join("preload/sitecustomize.py"), "").expect("room");
        for (module, command) in [(module, Some(this)), ("", None)] {
            let check = Installed::read(&said("", module)).names(command, this);
            assert_eq!(check.verdict, FindingVerdict::Ok, "{check:?}");
        }
    }

    #[test]
    fn a_package_of_another_version_is_told() {
        let of = |ours: &str| Installed { python: "CPython 3.11.7", ours, ..Installed::default() }.versions();
        assert!(is_bad(&of("0.0.1")));
        for ours in ["", OWN] {
            assert_eq!(of(ours).verdict, FindingVerdict::Ok);
        }
        // A Python that cannot be run says nothing.
        assert_eq!(Installed::read("").versions().found.recorded(), format!("memtrace {OWN}"));
    }
}
