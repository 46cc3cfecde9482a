use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// `memtrace`, the command.
pub(crate) fn memtrace() -> Command {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    quiet(PATH.get_or_init(|| build("memtrace-analyzer", "memtrace")))
}

/// The example engine.
pub(crate) fn diffusion() -> Command {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    quiet(PATH.get_or_init(|| build("diffusion", "diffusion")))
}

/// The program that performs a [`memtrace_tests::History`].
pub(crate) fn history() -> Command {
    quiet(Path::new(env!("CARGO_BIN_EXE_history")))
}

/// A command whose recording the test alone switches on.
fn quiet(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_remove("MEMTRACE_FILE").env_remove("MEMTRACE_MAX_SIZE");
    command
}

/// Builds a binary of another package of the workspace, with the profile of this test. Cargo itself provides only those of
/// the test's own package.
fn build(package: &str, binary: &str) -> PathBuf {
    let build = escargot::CargoBuild::new()
        .package(package)
        .bin(binary)
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
    let build = if cfg!(debug_assertions) { build } else { build.release() };
    build.run().expect("the binary builds").path().to_owned()
}
