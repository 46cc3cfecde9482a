use std::{fs, path::Path};

use crate::{
    optional::{self, Need},
    programs,
};

/// Debian's, whose Selenium and whose Chromium fit each other.
const PYTHON: &str = "/usr/bin/python3";

#[test]
fn a_page_can_be_clicked_through() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("run.trace");
    let options = ["--device", "host", "--tier", "lowvram", "--steps", "3", "--previews", "1"];
    programs::run_diffusion(&trace, &options, &[]);
    walk(&trace);
}

#[test]
fn a_page_of_requests_that_failed_can_be_clicked_through() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("run.trace");
    let options = ["--device", "host", "--steps", "4", "--fragment", "--capacity", "120MiB", "--keep-going"];
    programs::run_diffusion(&trace, &options, &[]);
    walk(&trace);
}

#[test]
fn names_in_a_page_are_text() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("run.trace");
    let output = programs::hostile_names().env("MEMTRACE_FILE", &trace).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let page = walk(&trace);
    assert_eq!(page.matches("</script").count(), 3, "no name ends an element");
    assert!(!page.contains("<img") && !page.contains('\u{202e}') && !page.contains('\u{1b}'));
    assert!(page.contains("&lt;/script&gt;"), "the names are there");
}

/// Makes the page of a trace and goes through it; returns it.
fn walk(trace: &Path) -> String {
    let (page, report) = (trace.with_extension("html"), trace.with_extension("json"));
    let output = programs::memtrace().arg("report").arg(trace).arg("--html").arg(&page).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let output = programs::memtrace().arg("analyze").arg(trace).arg("--json").output().unwrap();
    fs::write(&report, output.stdout).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/page.py");
    match programs::quiet(Path::new(PYTHON)).arg(script).arg(&page).arg(&report).output() {
        Ok(output) if output.status.code() == Some(77) => {
            optional::skip(Need::Browser, String::from_utf8_lossy(&output.stdout).trim());
        }
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => optional::skip(Need::Browser, format_args!("{PYTHON}: {error}")),
    }
    fs::read_to_string(page).unwrap()
}
