//! The one recording of a process: how it starts, how it ends, and what a fork does to it.

use std::{
    env, fs, process,
    sync::{Mutex, OnceLock, PoisonError},
};

use memtrace_format::{ClockKind, Definition, EngineDefinition, FileHeader, RING, header};
use thiserror::Error;

use crate::{
    Options, clock, cursor,
    definitions::{self, DefinedId, Definitions, cut},
    log::{Helper, HelperError, Log, MOST_READY},
    message::say,
    options,
    state::{self, Mode},
};

static SESSION: OnceLock<&Session> = OnceLock::new();

/// Everything that lives as long as the process once recording began.
pub(crate) struct Session {
    pub(crate) clock: ClockKind,
    pub(crate) log: Log,
    pub(crate) definitions: Definitions,
    helper: Mutex<Option<Helper>>,
    pid: u32,
}

/// The recording of this process, if there is or was one.
#[inline]
pub(crate) fn current() -> Option<&'static Session> {
    SESSION.get().copied()
}

/// Why recording cannot begin.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The process records already, or has. There is one recording a process.
    #[error("this process records already, or has recorded before")]
    AlreadyStarted,
    /// The log could not be made; the text says which file and why.
    #[error("{0}")]
    Log(String),
}

impl From<HelperError> for StartError {
    fn from(error: HelperError) -> Self {
        Self::Log(error.to_string())
    }
}

/// Begins recording. A program need not call it: setting `MEMTRACE_FILE` does the same before `main`.
///
/// # Errors
///
/// The log cannot be made, or recording began before. The program loses nothing but the recording.
pub fn start(options: &Options) -> Result<(), StartError> {
    static STARTING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if current().is_some() {
        return Err(StartError::AlreadyStarted);
    }
    // A recording that cannot begin leaves this behind, which is little, and does not stand in the way of another attempt.
    let session = Box::leak(Box::new(Session::new(options.mode)));
    let helper = Helper::start(session, options)?;
    session.record(helper);
    Ok(())
}

/// Ends recording and closes the log. A program need not call it: it happens when the process exits. Events that follow
/// are not recorded; those that other threads are recording at this very moment may or may not be.
pub fn finish() {
    state::turn_off();
    let Some(session) = current() else { return };
    // A forked child leaves its parent's log alone.
    if session.pid != process::id() {
        return;
    }
    let helper = session.helper.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(helper) = helper {
        cursor::give_up_chunk(&session.log);
        helper.finish();
    }
}

/// Says which engine this is. Until then the log names the program.
pub fn engine(name: &str, version: &str) {
    let definition = EngineDefinition { name: cut(name).to_owned(), version: cut(version).to_owned() };
    with_definitions(|definitions, log| definitions.write(log, &Definition::Engine(definition)));
}

/// Begins recording if the environment says so; says on stderr if it cannot.
pub(crate) fn start_from_environment() {
    let (options, errors) = Options::from_environment();
    for error in errors {
        say(error);
    }
    if let Some(options) = options {
        start_or_say(&options);
    }
}

/// As [`start`]; if it fails, a line on stderr says why. For callers to whom an error's text is of no use.
pub fn start_or_say(options: &Options) -> bool {
    start(options).inspect_err(|error| say(format_args!("not recording: {error}"))).is_ok()
}

/// Defines something and returns its id; none if recording is off or cannot take it.
pub(crate) fn define<I: DefinedId>(describe: impl FnOnce(I) -> Definition) -> Option<I> {
    with_definitions(|definitions, log| definitions.define(log, describe)).flatten()
}

/// Runs `work` with the definitions, if recording is on and this thread is not inside the tracer already.
pub(crate) fn with_definitions<T>(work: impl FnOnce(&Definitions, &Log) -> T) -> Option<T> {
    if !state::enabled() {
        return None;
    }
    let session = current()?;
    cursor::exclusively(|| work(&session.definitions, &session.log))
}

impl Session {
    fn new(mode: options::Mode) -> Self {
        let clock = clock::choose();
        let header = FileHeader {
            compatible: 0,
            incompatible: if mode == options::Mode::Ring { RING } else { 0 },
            session: random(),
            boot: boot_id(),
            pid: process::id(),
            clock,
            start: clock::calibrate(clock),
            minor: header::VERSION.1,
        };
        Self {
            clock,
            log: Log::new(header, MOST_READY),
            definitions: Definitions::default(),
            helper: Mutex::new(None),
            pid: process::id(),
        }
    }

    fn record(&'static self, helper: Helper) {
        *self.helper.lock().unwrap_or_else(PoisonError::into_inner) = Some(helper);
        // SAFETY: both handlers are functions that live as long as the program and may be called at any time.
        unsafe {
            libc::pthread_atfork(None, None, Some(in_forked_child));
            libc::atexit(at_exit);
        }
        let _ = SESSION.set(self);
        state::turn_on(Mode::on(self.clock));
        with_definitions(|definitions, log| definitions.write(log, &Definition::Engine(unnamed_engine())));
    }
}

/// A child of fork has its parent's memory but not its helper thread, and the log is its parent's.
extern "C" fn in_forked_child() {
    state::turn_off();
    cursor::part_from_parent();
    definitions::part_from_parent();
}

extern "C" fn at_exit() {
    finish();
}

/// What stands for the engine until it says its name: the name of the program.
fn unnamed_engine() -> EngineDefinition {
    let program = env::current_exe().ok();
    let name = program.as_deref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy());
    EngineDefinition { name: cut(&name.unwrap_or_default()).to_owned(), version: String::new() }
}

fn random() -> u128 {
    let mut bytes = [0_u8; 16];
    // SAFETY: the buffer is 16 bytes long.
    let filled = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), libc::GRND_NONBLOCK) };
    if filled == bytes.len() as isize {
        return u128::from_le_bytes(bytes);
    }
    // Early in boot there is no randomness yet; a process id and an instant tell recordings of one machine apart.
    let now = clock::calibrate(ClockKind::Monotonic);
    u128::from(process::id()) << 96 | u128::from(now.realtime_ns) << 32 | u128::from(now.monotonic_ns as u32)
}

fn boot_id() -> u128 {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    u128::from_str_radix(&text.trim().replace('-', ""), 16).unwrap_or_default()
}
