//! What the environment says: where to record, and how much.

use std::{env, ffi::OsString, os::unix::ffi::OsStrExt, os::unix::ffi::OsStringExt, path::PathBuf, process};

use thiserror::Error;

/// How to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The file to make. It must not exist; if it does, the process id is put into the name.
    pub file: PathBuf,
    /// The largest size of the file in bytes; recording stops there. `None`: as large as the disk allows.
    pub max_size: Option<u64>,
}

/// An environment variable that does not say what it should.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("{variable}={value:?}: {expected}")]
pub struct OptionError {
    variable: &'static str,
    value: OsString,
    expected: &'static str,
}

impl Options {
    /// Records into `file`, without a limit.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), max_size: None }
    }

    /// What `MEMTRACE_FILE` (with `%p` for the process id and `%%` for `%`) and `MEMTRACE_MAX_SIZE` (bytes, or with
    /// KiB, MiB, GiB) say. `None`: not to record.
    ///
    /// A process that runs with more rights than its user (setuid) ignores the environment.
    ///
    /// # Errors
    ///
    /// A variable is set to something else than it should be; recording can go on without it.
    pub fn from_environment() -> (Option<Self>, Vec<OptionError>) {
        let mut errors = Vec::new();
        if runs_with_raised_rights() {
            return (None, errors);
        }
        let Some(pattern) = env::var_os("MEMTRACE_FILE").filter(|value| !value.is_empty()) else {
            return (None, errors);
        };
        let max_size = env::var_os("MEMTRACE_MAX_SIZE").and_then(|value| {
            let size = value.to_str().and_then(parse_size);
            if size.is_none() {
                let expected = "expected a number of bytes, such as 500000000, 512MiB or 2GiB; recording without a limit";
                errors.push(OptionError { variable: "MEMTRACE_MAX_SIZE", value, expected });
            }
            size
        });
        (Some(Self { file: expand(&pattern, process::id()), max_size }), errors)
    }
}

fn runs_with_raised_rights() -> bool {
    // SAFETY: getauxval reads a constant of the process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

fn expand(pattern: &OsString, pid: u32) -> PathBuf {
    let mut path = Vec::new();
    let mut rest = pattern.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        match (byte, behind.first()) {
            (b'%', Some(b'p')) => path.extend_from_slice(pid.to_string().as_bytes()),
            (b'%', Some(b'%')) => path.push(b'%'),
            _ => {
                path.push(byte);
                continue;
            }
        }
        rest = &behind[1..];
    }
    PathBuf::from(OsString::from_vec(path))
}

fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let shift = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        "t" | "tib" => 40,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_id_goes_where_the_pattern_says() {
        let expand = |pattern: &str| expand(&OsString::from(pattern), 42);
        assert_eq!(expand("run.%p.trace"), PathBuf::from("run.42.trace"));
        assert_eq!(expand("100%%.%p%p"), PathBuf::from("100%.4242"));
        assert_eq!(expand("a%"), PathBuf::from("a%"));
        assert_eq!(expand("a%x"), PathBuf::from("a%x"));
    }

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(parse_size("4096"), Some(4096));
        assert_eq!(parse_size("64 MiB"), Some(64 << 20));
        assert_eq!(parse_size("2g"), Some(2 << 30));
        assert_eq!(parse_size("many"), None);
        assert_eq!(parse_size("-1"), None);
        assert_eq!(parse_size("99999999999999999999"), None);
        assert_eq!(parse_size("18446744073709551615k"), None);
    }
}
