//! Reads `MEMTRACE_RECORD`, by which `memtrace record` instructs the library: words separated by commas.
//!
//! | word | meaning |
//! | --- | --- |
//! | `on` | record; without it nothing else counts |
//! | `follow` | children are recorded as well: the library stays in `LD_PRELOAD` |
//! | `host=BYTES` | host memory is recorded from this size on |
//! | `torch` | the Python package names modules, their forwards and their moves |
//! | `stacks=KIND` | who asks for memory is recorded as well: `native` is machine code, `python` lines of Python |
//! | `depth=FRAMES` | how much of a stack is kept |

use std::{
    env,
    ffi::{CStr, CString, OsStr, OsString, c_char},
    mem,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    ptr,
};

use memtrace_tracer::Options;

use crate::preload::{code, driver, ending, exec, host, stacks};

const VARIABLE: &str = "MEMTRACE_RECORD";

const PRELOAD: &str = "LD_PRELOAD";

/// Reads it. Whether the hooks are to record.
pub(crate) fn begin() -> bool {
    let Some(text) = env::var_os(VARIABLE) else { return false };
    let words: Vec<&str> = text.to_str().unwrap_or_default().split(',').collect();
    if !words.contains(&"on") || runs_with_raised_rights() {
        return false;
    }
    if Options::from_environment().0.is_none() {
        return false;
    }
    let preload = env::var_os(PRELOAD).unwrap_or_default();
    exec::begin();
    ending::begin();
    if !words.contains(&"follow") {
        leave_the_environment(&preload, &words);
    }
    let value = |name| words.iter().find_map(|word| word.strip_prefix(name));
    let number = |name| value(name).and_then(|number| number.parse().ok());
    code::prepare();
    driver::begin();
    if let Some(kind) = value("stacks=") {
        stacks::begin(kind, number("depth="));
    }
    host::begin(number("host="));
    true
}

fn runs_with_raised_rights() -> bool {
    // SAFETY: getauxval reads a constant of the process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Takes this library out of `LD_PRELOAD` and the `on` out of its own variable, and leaves what else is there: children are
/// not recorded. In the list itself, for a shell has functions of its own in the places of `setenv` and `unsetenv`.
fn leave_the_environment(preload: &OsStr, words: &[&str]) {
    let off: Vec<&str> = words.iter().copied().filter(|word| *word != "on").collect();
    let entry = |name: &str, value: &[u8]| CString::new([name.as_bytes(), b"=", value].concat()).ok();
    let others = Some(without_this_library(preload)).filter(|others| !others.is_empty());
    put(PRELOAD, others.and_then(|others| entry(PRELOAD, others.as_bytes())));
    put(VARIABLE, entry(VARIABLE, off.join(",").as_bytes()));
}

/// Puts `entry` in the place of the variable of this name, or takes that out.
fn put(name: &str, entry: Option<CString>) {
    let is_named = |text: &CStr| {
        text.to_bytes().strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"="))
    };
    // SAFETY: this is the constructor of a library that was there before the program: the list is there, ends with a null,
    // and no other thread runs yet but the tracer's, which read no environment. An entry that is put there stays.
    unsafe {
        let (mut from, mut to) = (environ, environ);
        while !(*from).is_null() {
            let kept = if is_named(CStr::from_ptr(*from)) {
                entry.as_deref().map_or(ptr::null(), CStr::as_ptr)
            } else {
                *from
            };
            if !kept.is_null() {
                to.write(kept);
                to = to.add(1);
            }
            from = from.add(1);
        }
        to.write(ptr::null());
    }
    mem::forget(entry);
}

unsafe extern "C" {
    static mut environ: *mut *const c_char;
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
