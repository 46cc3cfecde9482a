//! Finds a library as the dynamic loader would, without loading it.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// The file that a program would load by this name.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let named = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let named = env::split_paths(&named).map(|folder| folder.join(name)).find(|path| path.is_file());
    named.or_else(|| cached(name))
}

/// What the loader's cache says; the command that prints it is not on everybody's path.
fn cached(name: &str) -> Option<PathBuf> {
    let commands = ["ldconfig", "/sbin/ldconfig", "/usr/sbin/ldconfig"];
    let listed = commands.iter().find_map(|command| Command::new(command).arg("-p").output().ok())?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let line = listed.lines().find(|line| line.trim().split(' ').next() == Some(name))?;
    line.split_once("=> ").map(|(_, path)| Path::new(path.trim()).to_owned())
}
