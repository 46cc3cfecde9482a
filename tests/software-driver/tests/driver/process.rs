//! Runs a test's body in a process of its own, in which the software driver is `libcuda.so.1`.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Set in the process that runs a body.
const INSIDE: &str = "SOFTWARE_DRIVER_TEST_INSIDE";

/// Defines tests with the settings of the driver they run on, one device if they do not say.
macro_rules! on_the_driver {
    ($($(#[$attribute:meta])* fn $name:ident($($variable:ident = $value:expr),* $(,)?) $body:block)*) => {$(
        $(#[$attribute])*
        #[test]
        fn $name() {
            let test = concat!(module_path!(), "::", stringify!($name));
            let settings = [$((stringify!($variable), $value)),*];
            if let Some(output) = $crate::process::run(test, &settings, || $body) {
                $crate::process::assert_passed(&output);
            }
        }
    )*};
}
pub(crate) use on_the_driver;

/// Runs `body` if this is the process for it; else starts that process and returns how it went.
pub(crate) fn run(test: &str, settings: &[(&str, &str)], body: fn()) -> Option<Output> {
    if env::var_os(INSIDE).is_some() {
        body();
        return None;
    }
    let (_, test) = test.split_once("::").expect("a test's path begins with its crate");
    let output = Command::new(env::current_exe().expect("this test has a path"))
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .env("LD_LIBRARY_PATH", library_folder())
        .env("SOFTWARE_DRIVER_DEVICES", "1")
        .envs(settings.iter().map(|(name, value)| (format!("SOFTWARE_DRIVER_{name}"), value)))
        .output()
        .expect("this test can be started again");
    Some(output)
}

pub(crate) fn assert_passed(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{}\n{text}\n{errors}", output.status);
}

/// A folder that holds the driver under the names programs ask for, and nothing else.
fn library_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("software-driver-library");
        fs::create_dir_all(&folder).expect("cargo's temporary folder can be written to");
        let library = build();
        for name in ["libcuda.so", "libcuda.so.1"] {
            match symlink(&library, folder.join(name)) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => panic!("no link {name}: {error}"),
                _ => {}
            }
        }
        folder
    })
}

fn build() -> PathBuf {
    let messages = escargot::CargoBuild::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .exec()
        .expect("cargo runs");
    let mut library = None;
    for message in messages {
        let message = message.expect("the driver builds");
        if let Ok(escargot::format::Message::CompilerArtifact(artifact)) = message.decode() {
            let files = artifact.filenames.iter();
            library = files.map(|file| file.to_path_buf()).find(|file| is_library(file)).or(library);
        }
    }
    library.expect("the driver is a shared library")
}

fn is_library(file: &Path) -> bool {
    file.file_name() == Some(OsStr::new("libsoftware_cuda.so"))
}
