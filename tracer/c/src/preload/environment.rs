//! What `memtrace record` says to the library: `MEMTRACE_RECORD`, words separated by commas.
//!
//! | word | meaning |
//! | --- | --- |
//! | `on` | record; without it nothing else counts |
//! | `follow` | children are recorded as well: the library stays in `LD_PRELOAD` |
//! | `host=BYTES` | host memory is recorded from this size on |
//! | `torch` | the Python package names modules and phases |

use std::{
    env,
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
};

use crate::preload::host;

const VARIABLE: &str = "MEMTRACE_RECORD";

/// Reads it. Whether the hooks are to record.
pub(crate) fn begin() -> bool {
    let Some(text) = env::var_os(VARIABLE) else { return false };
    let words: Vec<&str> = text.to_str().unwrap_or_default().split(',').collect();
    if !words.contains(&"on") || runs_with_raised_rights() {
        return false;
    }
    if !words.contains(&"follow") {
        leave_the_environment();
    }
    let threshold = words.iter().find_map(|word| word.strip_prefix("host="));
    if let Some(bytes) = threshold.and_then(|bytes| bytes.parse().ok()) {
        host::set_threshold(bytes);
    }
    true
}

fn runs_with_raised_rights() -> bool {
    // SAFETY: getauxval reads a constant of the process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Takes this library out of `LD_PRELOAD`, and leaves what else is there: children are not recorded.
fn leave_the_environment() {
    const PRELOAD: &str = "LD_PRELOAD";
    let Some(list) = env::var_os(PRELOAD) else { return };
    let others = without_this_library(&list);
    // SAFETY: this is the constructor of a library that was there before the program; no other thread runs yet.
    unsafe {
        if others.is_empty() {
            env::remove_var(PRELOAD)
        } else {
            env::set_var(PRELOAD, others)
        }
        env::remove_var(VARIABLE);
    }
}

fn without_this_library(list: &OsStr) -> OsString {
    let separates = |byte: &u8| *byte == b' ' || *byte == b':';
    let others = list.as_bytes().split(separates).filter(|path| !path.is_empty() && !is_this_library(path));
    OsString::from_vec(others.collect::<Vec<_>>().join(&b':'))
}

fn is_this_library(path: &[u8]) -> bool {
    path.rsplit(|&byte| byte == b'/').next() == Some(b"libmemtrace.so")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_preloaded_libraries_stay() {
        let without = |list: &str| without_this_library(OsStr::new(list)).into_string().unwrap_or_default();
        assert_eq!(without("/a/libmemtrace.so"), "");
        assert_eq!(without("/a/libmemtrace.so:/b/libjemalloc.so.2"), "/b/libjemalloc.so.2");
        assert_eq!(without("x.so /a/libmemtrace.so  y.so"), "x.so:y.so");
    }
}
