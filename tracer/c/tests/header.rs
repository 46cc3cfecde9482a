//! Holds `include/memtrace.h` against the sources. `MEMTRACE_WRITE_HEADER=1 cargo test -p memtrace-c` writes it anew.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{env, fs, path::Path};

/// The files that make up the header, in the order in which they appear in it.
const SOURCES: [&str; 6] = ["recording", "name", "module", "heap", "transfer", "counter"];

#[test]
fn the_header_is_made_from_the_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let sources = SOURCES.map(|source| root.join(format!("src/{source}.rs")));
    let builder = sources
        .iter()
        .fold(cbindgen::Builder::new().with_config(config), |builder, source| builder.with_src(source));
    let mut made = Vec::new();
    builder.generate().unwrap().write(&mut made);
    let made = String::from_utf8(made).unwrap();

    let header = root.join("include/memtrace.h");
    if env::var_os("MEMTRACE_WRITE_HEADER").is_some() {
        fs::write(&header, &made).unwrap();
    }
    let kept = fs::read_to_string(&header).unwrap_or_default();
    assert!(kept == made, "{} is out of date; MEMTRACE_WRITE_HEADER=1 writes it anew", header.display());
}
