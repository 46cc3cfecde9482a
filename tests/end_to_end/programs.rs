use std::{
    ffi::OsString,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;

/// `memtrace`, the command.
pub(crate) fn memtrace() -> Command {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    quiet(PATH.get_or_init(|| built("memtrace")))
}

/// The example engine.
pub(crate) fn diffusion() -> Command {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    quiet(PATH.get_or_init(|| built("diffusion")))
}

/// The example on cudarc.
pub(crate) fn cudarc() -> Command {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    quiet(PATH.get_or_init(|| built("cudarc-example")))
}

/// Runs the example engine, small, recording into `trace`; returns its books.
pub(crate) fn run_diffusion(trace: &Path, arguments: &[&str], environment: &[(String, OsString)]) -> Value {
    let mut command = diffusion();
    command.args(DIFFUSION).args(arguments).env("MEMTRACE_FILE", trace).envs(environment.iter().cloned());
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{errors}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What keeps runs of the example engine short and apart from other users of the machine.
pub(crate) const DIFFUSION: [&str; 5] =
    ["--json", "--scale", "1/256", "--weights", concat!(env!("CARGO_TARGET_TMPDIR"), "/diffusion-weights")];

/// The program that performs a [`memtrace_tests::History`].
pub(crate) fn history() -> Command {
    quiet(Path::new(env!("CARGO_BIN_EXE_history")))
}

/// The program whose threads hand blocks over.
pub(crate) fn handed_over() -> Command {
    quiet(Path::new(env!("CARGO_BIN_EXE_handed-over")))
}

/// The program whose names are markup.
pub(crate) fn hostile_names() -> Command {
    quiet(Path::new(env!("CARGO_BIN_EXE_hostile-names")))
}

/// The program that asks the tracer for figures of a device.
pub(crate) fn figures() -> Command {
    quiet(Path::new(env!("CARGO_BIN_EXE_figures")))
}

/// The program that uses devices, for others to sample.
pub(crate) fn sampled() -> Command {
    quiet(Path::new(env!("CARGO_BIN_EXE_sampled")))
}

/// The program on cudarc that knows nothing of the tracer.
pub(crate) fn unmodified() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_unmodified"))
}

/// A library that has nothing to do with a program's memory.
pub(crate) fn other_library() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| built("libsoftware_nvml.so"))
}

/// The program that records through hazards.
pub(crate) fn survivor() -> Command {
    quiet(Path::new(env!("CARGO_BIN_EXE_survivor")))
}

/// The environment in which a program finds the software CUDA driver, with one device of this capacity, and nothing else
/// by that name. The settings are those of `tests/software-driver`, without their common prefix.
pub(crate) fn cuda(capacity: &str, settings: &[(&str, &str)]) -> Vec<(String, OsString)> {
    let device = [("DEVICES", "1"), ("CAPACITY", capacity)];
    let settings = device.iter().chain(settings);
    let mut environment: Vec<(String, OsString)> =
        settings.map(|(name, value)| (format!("SOFTWARE_DRIVER_{name}"), value.into())).collect();
    environment.push(("LD_LIBRARY_PATH".to_owned(), cuda_folder().into()));
    environment
}

/// The folder that holds the software CUDA driver under the names by which programs ask for it, and nothing else.
pub(crate) fn cuda_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("software-driver");
        let library = built("libsoftware_cuda.so");
        link(&library, &folder, &["libcuda.so", "libcuda.so.1"]);
        folder
    })
}

/// Links `library` into `folder` by these names.
fn link(library: &Path, folder: &Path, names: &[&str]) {
    fs::create_dir_all(folder).unwrap();
    for name in names {
        // Another process of these tests may be making the same link at this moment.
        let link = folder.join(name);
        // A build folder may have been copied, links and all.
        if fs::read_link(&link).is_ok_and(|there| there != library) {
            let _ = fs::remove_file(&link);
        }
        assert!(symlink(library, &link).is_ok() || link.exists(), "no link {}", link.display());
    }
}

/// The environment in which a program finds the software NVML as well, to be added to that of [`cuda`]. The settings are those
/// of `tests/software-nvml`, without their common prefix.
pub(crate) fn nvml(settings: &[(&str, &str)]) -> Vec<(String, OsString)> {
    static FOLDERS: OnceLock<OsString> = OnceLock::new();
    let folders = FOLDERS.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("software-nvml");
        link(&built("libsoftware_nvml.so"), &folder, &["libnvidia-ml.so.1"]);
        let mut folders = cuda_folder().as_os_str().to_owned();
        folders.push(":");
        folders.push(folder);
        folders
    });
    let settings = settings.iter().map(|(name, value)| (format!("SOFTWARE_NVML_{name}"), value.into()));
    settings.chain([("LD_LIBRARY_PATH".to_owned(), folders.clone())]).collect()
}

/// `libmemtrace.so`, beside which lies `libmemtrace.a`.
pub(crate) fn c_library() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        built("libmemtrace.a");
        built("libmemtrace.so")
    })
}

/// A command whose recording the test alone switches on.
pub(crate) fn quiet(program: &Path) -> Command {
    let mut command = Command::new(program);
    for variable in [
        "MEMTRACE_FILE",
        "MEMTRACE_RECORD",
        "MEMTRACE_MAX_SIZE",
        "MEMTRACE_MODE",
        "MEMTRACE_FULL",
        "MEMTRACE_FOLLOW_FORK",
    ] {
        command.env_remove(variable);
    }
    // Tests count what the program records.
    command.env("MEMTRACE_SAMPLE", "off");
    command
}

/// The packages that make what is tested. Cargo itself provides only the binaries of the test's own package.
const PACKAGES: [&str; 7] = [
    "memtrace-analyzer",
    "memtrace-c",
    "memtrace-c-static",
    "diffusion",
    "cudarc-example",
    "software-driver",
    "software-nvml",
];

/// Where a file is that one of [`PACKAGES`] makes. All of them are built together, with the profile of this test, so that what
/// `cargo test` has built serves.
fn built(file: &str) -> PathBuf {
    static FILES: OnceLock<Vec<PathBuf>> = OnceLock::new();
    let files = FILES.get_or_init(|| {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
        let build = escargot::CargoBuild::new().manifest_path(manifest).arg("--lib").arg("--bins");
        let build = if cfg!(debug_assertions) { build } else { build.release() };
        let build = PACKAGES.into_iter().fold(build, escargot::CargoBuild::package);
        let mut files = Vec::new();
        for message in build.exec().expect("cargo runs") {
            let message = message.expect("what is tested builds");
            if let Ok(escargot::format::Message::CompilerArtifact(artifact)) = message.decode() {
                files.extend(artifact.filenames.iter().map(|path| path.to_path_buf()));
            }
        }
        files
    });
    let found = files.iter().find(|path| path.file_name().is_some_and(|name| name == file));
    found.unwrap_or_else(|| panic!("{PACKAGES:?} make no {file}")).clone()
}
