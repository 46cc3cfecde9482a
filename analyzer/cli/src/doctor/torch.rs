//! PyTorch: whether it has the functions by which its allocators tell of themselves. It is not run for that.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use memtrace_analysis::report::FindingVerdict;
use object::{
    Endianness,
    elf::FileHeader64,
    read::elf::{FileHeader as _, Sym as _},
};

use super::Check;

const WHAT: &str = "PyTorch";

/// What its allocators call for each block, as the C++ compilers of its versions spell it.
const REPORTS: [&str; 2] = [
    "_ZN3c1027reportMemoryUsageToProfilerEPvlmmNS_6DeviceE",
    "_ZN3c1027reportMemoryUsageToProfilerEPvlllNS_6DeviceE",
];

/// Where Python would import it from, without doing so. A folder by that name which is no package has no origin.
const WHERE: &str = "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s and s.origin else '')";

pub(super) fn checks(python: &Path) -> Vec<Check> {
    vec![allocators(python).records("blocks of PyTorch's allocators, and its modules (--torch)")]
}

fn allocators(python: &Path) -> Check {
    let shown = python.to_string_lossy();
    let found = match Command::new(python).args(["-c", WHERE]).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(error) => return Check::absent(WHAT, format!("{shown} cannot be run: {error}")),
    };
    if found.is_empty() {
        return Check::absent(WHAT, format!("{shown} has none; --python names another"));
    }
    reports(&PathBuf::from(found))
}

fn reports(package: &Path) -> Check {
    let library = package.join("lib/libc10.so");
    let exported = library.canonicalize().and_then(fs::read).map(|content| exports(&content));
    let shown = library.display();
    match exported {
        Ok(true) => Check::ok(WHAT, format!("its allocators report every block: {shown}")),
        Ok(false) => Check::new(
            WHAT,
            FindingVerdict::Warn,
            format!(
                "{shown} has none of the functions by which allocators report blocks; only segments are recorded"
            ),
            "report its version",
        ),
        Err(error) => Check::new(WHAT, FindingVerdict::Warn, format!("{shown}: {error}"), ""),
    }
}

/// Whether a library defines one of [`REPORTS`].
fn exports(content: &[u8]) -> bool {
    let symbols = || {
        let header = FileHeader64::<Endianness>::parse(content).ok()?;
        let endian = header.endian().ok()?;
        let sections = header.sections(endian, content).ok()?;
        let symbols = sections.symbols(endian, content, object::elf::SHT_DYNSYM).ok()?;
        Some(symbols.iter().any(|symbol| {
            let name = symbol.name(endian, symbols.strings()).unwrap_or_default();
            REPORTS.iter().any(|report| report.as_bytes() == name) && !symbol.is_undefined(endian)
        }))
    };
    symbols().unwrap_or(false)
}
