//! The one recording of a process: how it starts and how it ends.

use std::{
    env, fs,
    path::PathBuf,
    process, ptr,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicPtr, Ordering},
    },
};

use memtrace_format::{ClockKind, Definition, EngineDefinition, FileHeader, RING, header};
use thiserror::Error;

use crate::{
    Options, clock, cursor,
    definitions::{DefinedId, Definitions, cut},
    fork,
    lineage::Lineage,
    log::{Helper, HelperError, Log, MOST_READY, Place},
    main_thread,
    message::{self, say},
    options, program,
    sampler::Sampler,
    signals,
    state::{self, Mode},
    thread_end,
};

/// The recording of this process, once it has begun. It is never given back: threads hold on to it without a lock.
static SESSION: AtomicPtr<Session> = AtomicPtr::new(ptr::null_mut());

/// What a recording consists of.
pub(crate) struct Session {
    pub(crate) clock: ClockKind,
    pub(crate) log: Log,
    pub(crate) definitions: Definitions,
    pub(crate) options: Options,
    lineage: Lineage,
    /// Where the program stood when recording began; a child that goes elsewhere still records there.
    directory: PathBuf,
    helper: Mutex<Option<Helper>>,
    sampler: OnceLock<Sampler>,
    pid: u32,
}

/// The recording of this process, if there is or was one.
#[inline]
pub(crate) fn begun() -> Option<&'static Session> {
    // SAFETY: null, or a session that was whole when it was published and that is never given back.
    unsafe { SESSION.load(Ordering::Acquire).as_ref() }
}

/// The recording of this process. In a forked child it may begin here. The calling thread is inside the tracer.
#[inline]
pub(crate) fn current() -> Option<&'static Session> {
    begun().or_else(fork::begin_in_child)
}

/// In a forked child that records: its recording has not begun.
pub(crate) fn start_over() {
    SESSION.store(ptr::null_mut(), Ordering::Release);
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
    static STARTED: AtomicBool = AtomicBool::new(false);
    if STARTED.swap(true, Ordering::AcqRel) {
        return Err(StartError::AlreadyStarted);
    }
    message::remember_stderr();
    let session = Session::new(options).begin(options.path());
    let session = session.inspect_err(|_| STARTED.store(false, Ordering::Release))?;
    fork::watch();
    thread_end::prepare();
    if main_thread::is_this() {
        // Whether it records or not: the process may outlive it.
        thread_end::watch();
    }
    // SAFETY: the handler is a function that lives as long as the program and may be called at any time.
    unsafe {
        libc::atexit(at_exit);
        at_quick_exit(at_exit);
    }
    let _ = session.sampler.set(Sampler::start(session, &options.sampling));
    state::turn_on(Mode::on(session.clock));
    with_definitions(|definitions, log| definitions.write(log, &Definition::Engine(unnamed_engine())));
    Ok(())
}

/// Ends recording and closes the log. A program need not call it: it happens when the process exits. Events that follow
/// are not recorded; those that other threads are recording at this very moment may or may not be.
pub fn finish() {
    // Held back before anything else is asked: no handler forks a child that would go on here.
    let signals = signals::hold_back();
    // A forked child leaves its parent's recording alone: one of vfork has its parent's memory.
    if begun().is_some_and(|session| session.pid != process::id()) {
        return;
    }
    stop_sampling();
    state::turn_off();
    let Some(session) = begun() else { return };
    let helper = session.helper.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(helper) = helper {
        cursor::give_up_chunk(&signals, &session.log);
        helper.finish();
        message::say_the_rest();
    }
}

/// Whether this process has a recording that did not end yet.
pub(crate) fn is_recorded() -> bool {
    begun().is_some_and(|session| session.pid == process::id() && session.has_helper())
}

/// On the helper's thread: the process ends with it.
pub(crate) fn end_with_the_process() {
    stop_sampling();
    state::turn_off();
}

/// Ends sampling, with a last round. A forked child has nothing to end.
pub(crate) fn stop_sampling() {
    let Some(session) = begun() else { return };
    // As in `finish`.
    let _signals = signals::hold_back();
    if session.pid == process::id()
        && let Some(sampler) = session.sampler.get()
    {
        sampler.stop();
    }
}

/// The session id of the recording of this process, if there is or was one; not of its parent's.
pub fn id_of_session() -> Option<u128> {
    let session = begun().filter(|session| session.pid == process::id())?;
    Some(session.log.header().session)
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

/// Runs `work` with the definitions, if recording is on and this thread is not inside the tracer already. Where recording had to
/// stop, they are counted as lost once there is no room for them.
pub(crate) fn with_definitions<T>(work: impl FnOnce(&Definitions, &Log) -> T) -> Option<T> {
    if state::mode().is_off() {
        return None;
    }
    let _inside = cursor::enter()?;
    // A child that was forked a moment ago, by a signal handler, may be off.
    let session = current().filter(|_| !state::mode().is_off())?;
    Some(work(&session.definitions, &session.log))
}

impl Session {
    fn new(options: &Options) -> Self {
        let directory = env::current_dir().unwrap_or_default();
        let definitions = Definitions::new(options.follow_fork);
        Self::of_this_process(clock::choose(), options, Lineage::from_environment(), directory, definitions)
    }

    /// Begins the recording of a forked child.
    pub(crate) fn begin_after(parent: &Self, definitions: Definitions) -> Result<&'static Self, StartError> {
        let path = parent.directory.join(parent.options.path());
        let (directory, lineage) = (parent.directory.clone(), parent.lineage.of_child());
        let session = Self::of_this_process(parent.clock, &parent.options, lineage, directory, definitions);
        let session = session.begin(path)?;
        let _ = session.sampler.set(Sampler::start_in_child(session, &parent.options.sampling));
        Ok(session)
    }

    fn of_this_process(
        clock: ClockKind,
        options: &Options,
        lineage: Lineage,
        directory: PathBuf,
        definitions: Definitions,
    ) -> Self {
        let header = FileHeader {
            compatible: 0,
            incompatible: if options.mode == options::Mode::Ring { RING } else { 0 },
            session: lineage.session(random()),
            boot: boot_id(),
            pid: process::id(),
            clock,
            start: clock::calibrate(clock),
            minor: header::VERSION.1,
        };
        Self {
            clock,
            log: Log::new(header, MOST_READY, options.full),
            definitions,
            options: options.clone(),
            lineage,
            directory,
            helper: Mutex::new(None),
            sampler: OnceLock::new(),
            pid: process::id(),
        }
    }

    fn has_helper(&self) -> bool {
        self.helper.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Makes the log at `path` and publishes the recording.
    fn begin(self, path: PathBuf) -> Result<&'static Self, StartError> {
        // Should it fail, the helper may still look at the session while it ends.
        let session: &'static Self = Box::leak(Box::new(self));
        let place = Place { path, predecessor: session.lineage.predecessor() };
        let helper = Helper::start(session, place, session.options.limit(), session.options.sync)?;
        *session.helper.lock().unwrap_or_else(PoisonError::into_inner) = Some(helper);
        SESSION.store(ptr::from_ref(session).cast_mut(), Ordering::Release);
        Ok(session)
    }
}

extern "C" fn at_exit() {
    finish();
}

unsafe extern "C" {
    /// As `atexit`, for `quick_exit`.
    fn at_quick_exit(handler: extern "C" fn()) -> libc::c_int;
}

/// What stands for the engine until it says its name: the name of the program.
fn unnamed_engine() -> EngineDefinition {
    EngineDefinition { name: cut(&program::name()).to_owned(), version: String::new() }
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
