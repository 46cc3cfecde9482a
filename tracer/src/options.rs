//! Options of a recording, from the environment: where to record, and how much.

use std::{
    env,
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
    process,
    time::Duration,
};

use memtrace_format::Bytes;
use thiserror::Error;

use crate::Sampling;

/// How to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The file to make; `%p` in it stands for the process id, `%%` for a `%`. It must not exist; if it does, the process id is
    /// put into the name.
    pub file: PathBuf,
    /// The largest size of the file in bytes. `None`: as large as the disk allows, or [`DEFAULT_RING`] in a ring.
    pub max_size: Option<u64>,
    /// What to keep when the file has its largest size.
    pub mode: Mode,
    /// What a thread does when the tracer has no room ready for its event.
    pub full: Full,
    /// Whether a forked child records as well, into a file of its own: the same path, with its process id. It begins when the
    /// child first has something to record, and knows what its parent had defined, but not what was live. A child that a
    /// signal handler forks in the middle of an event is left out, and says so. A child of vfork, posix_spawn or exec is
    /// another program, and not concerned.
    pub follow_fork: bool,
    /// How often the disk is made to hold what was recorded, so that it outlives a loss of power too. `None`: the kernel
    /// writes when it likes, and what was recorded outlives the process but not the machine.
    pub sync: Option<Duration>,
    /// What to sample, and how often.
    pub sampling: Sampling,
}

/// What to keep when the file has its largest size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The oldest events: recording stops.
    #[default]
    Stop,
    /// The newest events, and what was live before them.
    Ring,
}

/// What a thread does when the tracer has no room ready for its event: threads record faster than the disk, or the ring, takes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Full {
    /// It goes on. The event is lost, and counted.
    #[default]
    Drop,
    /// It waits for room, with its signals held back, for a second at most. The program is slower then and loses no event, but for
    /// those that find no room within that second. Nobody waits when recording has stopped.
    Wait,
}

/// The size of the file in ring mode, unless another is asked for.
pub const DEFAULT_RING: u64 = 256 << 20;

impl Sampling {
    /// What `MEMTRACE_SAMPLE` says, for a program that begins recording by itself and leaves this to its user.
    ///
    /// # Errors
    ///
    /// Parts of it are not what they should be; they change nothing.
    pub fn from_environment() -> (Self, Vec<OptionError>) {
        let text = env::var_os("MEMTRACE_SAMPLE").unwrap_or_default();
        let (sampling, malformed) = Self::parse(text.to_str().unwrap_or("(not UTF-8)"));
        (sampling, malformed.into_iter().map(malformed_rate).collect())
    }
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
    /// Records into `file`, without a limit, and samples at the default rates.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into(),
            max_size: None,
            mode: Mode::Stop,
            full: Full::Drop,
            follow_fork: false,
            sync: None,
            sampling: Sampling::default(),
        }
    }

    /// What `MEMTRACE_FILE`, `MEMTRACE_MAX_SIZE` (bytes, or with KiB, MiB, GiB, or KB, MB, GB), `MEMTRACE_MODE` (`stop` or `ring`),
    /// `MEMTRACE_FULL` (`drop` or `wait`), `MEMTRACE_FOLLOW_FORK` (`1` or `0`), `MEMTRACE_FSYNC` (an interval: `1s`, `500ms`) and `MEMTRACE_SAMPLE` (`off`, or
    /// `SOURCE=RATE` separated by commas) say. `None`: not to record.
    ///
    /// A process that runs with more rights than its user (setuid) ignores the environment.
    ///
    /// # Errors
    ///
    /// A variable is set to something else than it should be. Recording goes on without it, unless it is one that limits the
    /// size of the file: then nothing is recorded.
    pub fn from_environment() -> (Option<Self>, Vec<OptionError>) {
        let mut errors = Vec::new();
        if runs_with_raised_rights() {
            return (None, errors);
        }
        let Some(file) = env::var_os("MEMTRACE_FILE").filter(|value| !value.is_empty()) else {
            return (None, errors);
        };
        let parse = |variable, expected| {
            let value = env::var_os(variable)?;
            let text = value.to_str().map(str::to_owned);
            Some((text.unwrap_or_default(), OptionError { variable, value, expected }))
        };
        let max_size = parse(
            "MEMTRACE_MAX_SIZE",
            "expected a number of bytes, such as 500000000, 512MiB or 2GB; not recording, rather than without this limit",
        );
        let mode =
            parse("MEMTRACE_MODE", "expected stop or ring; not recording, rather than without this limit");
        let full = parse("MEMTRACE_FULL", "expected drop or wait; events that find no room are dropped");
        let follow_fork = parse("MEMTRACE_FOLLOW_FORK", "expected 1 or 0; forked children are not recorded");
        let mut options = Self::new(file);
        let mut is_limited_as_wanted = true;
        if let Some((text, error)) = max_size {
            options.max_size = text.parse::<Bytes>().ok().map(|size| size.0);
            is_limited_as_wanted &= options.max_size.is_some();
            errors.extend(options.max_size.is_none().then_some(error));
        }
        match mode {
            Some((text, _)) if text == "ring" => options.mode = Mode::Ring,
            Some((text, error)) if text != "stop" => {
                is_limited_as_wanted = false;
                errors.push(error);
            }
            _ => {}
        }
        match full {
            Some((text, _)) if text == "wait" => options.full = Full::Wait,
            Some((text, error)) if text != "drop" => errors.push(error),
            _ => {}
        }
        match follow_fork {
            Some((text, _)) if text == "1" => options.follow_fork = true,
            Some((text, error)) if text != "0" => errors.push(error),
            _ => {}
        }
        let sync = parse("MEMTRACE_FSYNC", "expected an interval, such as 1s or 500ms; recording without it");
        if let Some((text, error)) = sync {
            options.sync = parse_interval(&text);
            errors.extend(options.sync.is_none().then_some(error));
        }
        let (sampling, malformed) = Sampling::from_environment();
        options.sampling = sampling;
        errors.extend(malformed);
        (is_limited_as_wanted.then_some(options), errors)
    }

    /// The file to make in this process: with the process id where the pattern has it.
    pub fn path(&self) -> PathBuf {
        expand(self.file.as_os_str(), process::id())
    }

    /// The largest size that the file may have.
    pub(crate) fn limit(&self) -> Option<u64> {
        self.max_size.or((self.mode == Mode::Ring).then_some(DEFAULT_RING))
    }
}

fn malformed_rate(item: &str) -> OptionError {
    OptionError {
        variable: "MEMTRACE_SAMPLE",
        value: item.into(),
        expected: "expected off, or SOURCE=RATE with a source of driver, nvml, utilization, processes, pcie, host, pss and \
                   pressure, and a rate from 0 to 1000 a second; it changes nothing",
    }
}

fn runs_with_raised_rights() -> bool {
    // SAFETY: getauxval reads a constant of the process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

fn expand(pattern: &OsStr, pid: u32) -> PathBuf {
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

/// At least a millisecond: a disk takes about that long.
fn parse_interval(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let milliseconds = match text[digits..].trim() {
        "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        _ => return None,
    };
    let interval = Duration::from_millis(text[..digits].parse::<u64>().ok()?.checked_mul(milliseconds)?);
    (!interval.is_zero()).then_some(interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_id_goes_where_the_pattern_says() {
        let expand = |pattern: &str| expand(OsStr::new(pattern), 42);
        assert_eq!(expand("run.%p.trace"), PathBuf::from("run.42.trace"));
        assert_eq!(expand("100%%.%p%p"), PathBuf::from("100%.4242"));
        assert_eq!(expand("a%"), PathBuf::from("a%"));
        assert_eq!(expand("a%x"), PathBuf::from("a%x"));
    }

    #[test]
    fn intervals_have_units() {
        assert_eq!(parse_interval("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_interval(" 1 s"), Some(Duration::from_secs(1)));
        assert_eq!(parse_interval("2min"), Some(Duration::from_secs(120)));
        for malformed in
            ["", "1", "0s", "s", "-1s", "1.5s", "1h", "99999999999999999999s", "18446744073709551615s"]
        {
            assert_eq!(parse_interval(malformed), None, "{malformed}");
        }
    }
}
