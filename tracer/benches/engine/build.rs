//! Builds the example engine twice: as it is, and with a stub in the tracer's place.
//!
//! The second one is built in a copy of the workspace that holds the format, the stub where the tracer was, and the engine.
//! Root manifest and lock file are the workspace's own, so profile, lints and versions are the same.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What the engine with the tracer is called.
const LINKED: &str = "linked";

/// The engine with the tracer, and without.
pub(crate) struct Engines {
    pub(crate) linked: PathBuf,
    pub(crate) not_linked: PathBuf,
}

impl Engines {
    /// Builds both into `folder`, optimized or, to see that they work, as the tests have built what they share.
    pub(crate) fn build(folder: &Path, optimized: bool) -> io::Result<Self> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tracer is in a workspace");
        let copy = folder.join("workspace");
        copy_without_tracer(workspace, &copy)?;
        Ok(Self {
            linked: build(workspace, folder, LINKED, optimized)?,
            not_linked: build(&copy, folder, "not-linked", optimized)?,
        })
    }
}

/// Both builds share what they have in common, and would overwrite each other's program: so it is copied to `name`.
fn build(workspace: &Path, folder: &Path, name: &str, optimized: bool) -> io::Result<PathBuf> {
    let build = escargot::CargoBuild::new()
        .manifest_path(workspace.join("Cargo.toml"))
        .package("diffusion")
        .bin("diffusion");
    let build = match (optimized, name) {
        // The tests have built this one.
        (false, LINKED) => build,
        (false, _) => build.target_dir(folder.join("target")),
        (true, _) => build.target_dir(folder.join("target")).release(),
    };
    let run = build.run().map_err(io::Error::other)?;
    let program = folder.join(name);
    fs::copy(run.path(), &program)?;
    Ok(program)
}

fn copy_without_tracer(workspace: &Path, copy: &Path) -> io::Result<()> {
    if copy.exists() {
        fs::remove_dir_all(copy)?;
    }
    fs::create_dir_all(copy)?;
    fs::copy(workspace.join("Cargo.lock"), copy.join("Cargo.lock"))?;
    let manifest = fs::read_to_string(workspace.join("Cargo.toml"))?;
    fs::write(copy.join("Cargo.toml"), with_members(&manifest, &["format", "tracer", "examples/diffusion"]))?;
    copy_folder(&workspace.join("format"), &copy.join("format"))?;
    copy_folder(&workspace.join("tracer/benches/engine/stub"), &copy.join("tracer"))?;
    copy_folder(&workspace.join("examples/diffusion"), &copy.join("examples/diffusion"))
}

fn with_members(manifest: &str, members: &[&str]) -> String {
    let (before, rest) = manifest.split_once("members = [").expect("a workspace has members");
    let (_, after) = rest.split_once(']').expect("a list ends");
    format!("{before}members = {members:?}{after}")
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
