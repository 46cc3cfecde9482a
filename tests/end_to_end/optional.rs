use std::{
    env,
    fmt::Display,
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    thread,
};

/// Names what no test may be skipped for the lack of: names of [`Need`]s with commas between, or `all`.
const REQUIRED: &str = "MEMTRACE_TEST_REQUIRED";

/// Names a file that gets a line for each test that is skipped: the need, a tab, the test.
const SKIPPED: &str = "MEMTRACE_TEST_SKIPPED";

/// Python that only PyTorch itself runs. A folder named torch is a package to Python as well, so an import alone says nothing.
const PYTORCH: &str = "import torch; torch.zeros(1)";

/// Something that a test needs and a machine may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// A Python that has PyTorch.
    Pytorch,
    /// That Python, with accelerate and safetensors.
    Accelerate,
    /// PyTorch on the software device, as `tests/torch/setup` installs it.
    SoftwareTorch,
    /// A CPython whose frames can be read (3.8 to 3.13).
    Python,
    /// The headers of that Python.
    PythonHeaders,
    /// tmux.
    Tmux,
    /// Chromium, its driver, and Selenium.
    Browser,
    /// A C++ compiler.
    Cxx,
    /// The right to mount a file system that nobody else sees.
    Mount,
    /// The rights of root.
    Root,
    /// A kernel that tells which pages of a file are dirty, and a disk.
    DirtyPages,
    /// File systems whose blocks are shared, with what makes them and the right to mount them.
    FileSystems,
    /// strace, and leave to trace.
    Strace,
    /// Compilers and virtual machines of other languages.
    Languages,
    /// An x86-64 processor.
    X86,
}

impl Need {
    fn name(self) -> &'static str {
        match self {
            Self::Pytorch => "pytorch",
            Self::Accelerate => "accelerate",
            Self::SoftwareTorch => "software-torch",
            Self::Python => "python",
            Self::PythonHeaders => "python-headers",
            Self::Tmux => "tmux",
            Self::Browser => "browser",
            Self::Cxx => "c++",
            Self::Mount => "mount",
            Self::Root => "root",
            Self::DirtyPages => "dirty-pages",
            Self::FileSystems => "file-systems",
            Self::Strace => "strace",
            Self::Languages => "languages",
            Self::X86 => "x86-64",
        }
    }

    /// Whether `list`, as in [`REQUIRED`], names it.
    fn is_in(self, list: &str) -> bool {
        list.split(',').any(|name| name == "all" || name == self.name())
    }
}

/// Says that the running test is skipped, and why; fails instead where nothing may be skipped for this need.
#[track_caller]
pub(crate) fn skip(need: Need, why: impl Display) {
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test");
    let required = env::var(REQUIRED).unwrap_or_default();
    assert!(!need.is_in(&required), "{test} is skipped, which {REQUIRED}={required} forbids: {why}");
    eprintln!("skipped: {why}");
    if let Some(path) = env::var_os(SKIPPED) {
        let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(format!("{}\t{test}\n", need.name()).as_bytes()).unwrap();
    }
}

/// A Python that has PyTorch; `MEMTRACE_TEST_PYTHON` names one. `None`: the test is skipped.
#[track_caller]
pub(crate) fn pytorch() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let named = env::var_os("MEMTRACE_TEST_PYTHON").map(PathBuf::from);
        let usual = ["/usr/bin/python3", "python3"].map(PathBuf::from);
        named.into_iter().chain(usual).find(|python| python_runs(python, PYTORCH))
    });
    if found.is_none() {
        skip(Need::Pytorch, "no python3 has PyTorch (MEMTRACE_TEST_PYTHON names one that has)");
    }
    found.as_deref()
}

/// A Python that has PyTorch on the software device, of a version that `tests/torch/setup` has installed. `None`: the test is
/// skipped.
#[track_caller]
pub(crate) fn software_torch() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?;
        let installed = target.read_dir().ok()?.flatten().map(|entry| entry.path());
        let newest =
            installed.filter(|path| path.join("complete").exists()).max_by_key(|path| version(path))?;
        let python = newest.join("bin/python3");
        let works = "import torch; raise SystemExit(not torch.version.cuda)";
        python_runs(&python, works).then_some(python)
    });
    if found.is_none() {
        skip(
            Need::SoftwareTorch,
            "there is no PyTorch on the software device (tests/torch/setup installs it)",
        );
    }
    found.as_deref()
}

/// The numbers of the version that a folder's name ends with, to compare versions by.
fn version(folder: &Path) -> Vec<u64> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let version = name.rsplit('-').next().unwrap_or_default();
    version.split('.').map(|number| number.parse().unwrap_or(0)).collect()
}

/// Whether `python` has accelerate and safetensors. If not, the test is skipped.
#[track_caller]
pub(crate) fn accelerate(python: &Path) -> bool {
    let runs = python_runs(python, "from accelerate import cpu_offload; from safetensors import safe_open");
    if !runs {
        skip(Need::Accelerate, format_args!("{} has no accelerate", python.display()));
    }
    runs
}

/// Whether there is tmux. If not, the test is skipped.
#[track_caller]
pub(crate) fn tmux() -> bool {
    has(Need::Tmux, Command::new("tmux").arg("-V"), "tmux is not installed")
}

/// Whether there is a C++ compiler by the name of `g++`. If not, the test is skipped.
#[track_caller]
pub(crate) fn cxx() -> bool {
    has(Need::Cxx, Command::new("g++").arg("--version"), "there is no g++")
}

/// Whether this user may mount a file system that only his own processes see. If not, the test is skipped.
#[track_caller]
pub(crate) fn mount() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let mut mount = Command::new("unshare");
    mount.args(["-rm", "mount", "-t", "tmpfs", "none"]).arg(folder.path());
    has(Need::Mount, &mut mount, "needs `unshare -rm` and mount, as root or with user namespaces")
}

/// Whether this user is root. If not, the test is skipped.
#[track_caller]
pub(crate) fn root() -> bool {
    // SAFETY: it has no arguments.
    let is_root = unsafe { libc::geteuid() } == 0;
    if !is_root {
        skip(Need::Root, "only root can do this");
    }
    is_root
}

/// Whether `python` runs `code` to its end, in a folder that has nothing to import.
fn python_runs(python: &Path, code: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    succeeds(Command::new(python).args(["-c", code]).current_dir(folder.path()))
}

#[track_caller]
fn has(need: Need, command: &mut Command, why: impl Display) -> bool {
    let has = succeeds(command);
    if !has {
        skip(need, why);
    }
    has
}

fn succeeds(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A folder by the name of a package is not the package: without site-packages, Python imports it, and the probe fails.
#[test]
fn a_folder_is_not_a_package() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("torch")).unwrap();
    let runs = |code| succeeds(Command::new("python3").args(["-S", "-c", code]).current_dir(folder.path()));
    assert!(runs("import torch"));
    assert!(!runs(PYTORCH));
}

#[test]
fn needs_are_named_one_by_one_or_all() {
    assert!(Need::Tmux.is_in("pytorch,tmux") && Need::Tmux.is_in("all"));
    assert!(!Need::Tmux.is_in("pytorch") && !Need::Tmux.is_in(""));
}

/// Numbers count, not letters: 2.15 is newer than 2.6.
#[test]
fn versions_are_compared_as_numbers() {
    let folders = ["torch-2.15.0", "torch-2.6.0", "torch-2.9.1"].map(|name| Path::new("target").join(name));
    assert_eq!(folders.iter().max_by_key(|folder| version(folder)), Some(&folders[0]));
    assert_eq!(folders.iter().min_by_key(|folder| version(folder)), Some(&folders[1]));
}
