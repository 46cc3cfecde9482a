//! Hands out the ids in records, and writes what they stand for to chunks of their own.
//!
//! Definitions are rare (names are interned once where they stand in the code), so a lock serves. It is never waited for
//! outside the tracer (see [`crate::cursor::enter`]): an event that happens in here is counted as lost instead of coming back,
//! and no signal handler forks a child that would wait for another thread of its parent's.

use std::{
    collections::{HashMap, VecDeque},
    ffi::CStr,
    sync::{Mutex, MutexGuard, PoisonError, TryLockError},
    thread,
    time::{Duration, Instant},
};

use memtrace_format::{
    ChunkHeader, ChunkKind, CounterId, Definition, DeviceId, DropCounts, HeapId, MAX_TEXT_BYTES, ModuleId,
    NameDefinition, NameId, PoolId, StackId, ThreadDefinition, ThreadId,
};

use crate::log::{Chunk, Log, Retired};

/// The most different names that are kept; all further ones become [`TOO_MANY`].
const MOST_NAMES: usize = 1 << 16;

const TOO_MANY: &str = "(too many names)";

/// The most definitions that wait for a chunk.
const MOST_PENDING: usize = 1024;

/// The definitions of a recording.
pub(crate) struct Definitions {
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    names: HashMap<Box<str>, NameId>,
    last: LastIds,
    /// The heap of each pool; pool ids start at 1.
    heap_of_pool: Vec<HeapId>,
    /// The chunk in use and the bytes used in it.
    open: Option<(Chunk, usize)>,
    thread_sequence: u64,
    /// Definitions that found no chunk ready, oldest first.
    pending: VecDeque<Vec<u8>>,
    /// All definitions but those of threads, for a forked child; none if no child will want them.
    kept: Option<Vec<Vec<u8>>>,
}

/// An id that a definition gets when it is made.
pub(crate) trait DefinedId: Copy {
    /// The next id of this type; `None` when all are taken.
    fn next(last: &mut LastIds) -> Option<Self>;
}

macro_rules! defined_ids {
    ($($field:ident: $id:ident,)*) => {
        /// The ids handed out last.
        #[derive(Clone, Default)]
        pub(crate) struct LastIds {
            $($field: $id,)*
        }

        $(impl DefinedId for $id {
            fn next(last: &mut LastIds) -> Option<Self> {
                last.$field = Self(last.$field.0.checked_add(1)?);
                Some(last.$field)
            }
        })*
    };
}

defined_ids! {
    name: NameId,
    thread: ThreadId,
    device: DeviceId,
    heap: HeapId,
    pool: PoolId,
    module: ModuleId,
    counter: CounterId,
    stack: StackId,
}

impl Definitions {
    /// No definitions. `keep`: they can be inherited.
    pub(crate) fn new(keep: bool) -> Self {
        let kept = keep.then(Vec::new);
        Self { state: Mutex::new(State { kept, ..State::default() }) }
    }

    /// The definitions that `parent`, which keeps them, has now: the same ids for the same things, to be written again.
    pub(crate) fn inherit(parent: &State) -> Self {
        let state = State {
            names: parent.names.clone(),
            last: parent.last.clone(),
            heap_of_pool: parent.heap_of_pool.clone(),
            pending: parent.kept.iter().flatten().cloned().collect(),
            kept: parent.kept.clone(),
            ..State::default()
        };
        Self { state: Mutex::new(state) }
    }

    /// Keeps everybody else from the definitions. Waits no longer than `patience`.
    pub(crate) fn hold(&self, patience: Duration) -> Option<MutexGuard<'_, State>> {
        let begin = Instant::now();
        loop {
            match self.try_lock() {
                Some(state) => return Some(state),
                None if begin.elapsed() > patience => return None,
                None => thread::sleep(Duration::from_micros(50)),
            }
        }
    }

    /// Hands out the next id and writes what `describe` says it stands for. `None`: all ids are taken.
    pub(crate) fn define<I: DefinedId>(
        &self,
        log: &Log,
        describe: impl FnOnce(I) -> Definition,
    ) -> Option<I> {
        self.lock().define(log, describe)
    }

    /// Writes a definition that has no id of its own.
    pub(crate) fn write(&self, log: &Log, definition: &Definition) {
        self.lock().write(log, definition);
    }

    /// The id of a name, the same for the same text.
    pub(crate) fn name(&self, log: &Log, text: &str) -> Option<NameId> {
        let mut state = self.lock();
        let text = cut(text);
        if let Some(&id) = state.names.get(text) {
            return Some(id);
        }
        let text = if state.names.len() < MOST_NAMES { text } else { TOO_MANY };
        if let Some(&id) = state.names.get(text) {
            return Some(id);
        }
        let id = state.define(log, |id| Definition::Name(id, NameDefinition { text: text.to_owned() }))?;
        state.names.insert(text.into(), id);
        Some(id)
    }

    /// An id for the calling thread.
    pub(crate) fn thread(&self, log: &Log) -> ThreadId {
        let definition = describe_thread();
        self.define(log, |id| Definition::Thread(id, definition)).unwrap_or(ThreadId::NONE)
    }

    /// The heap of each pool, by the pools' ids from 1 on. `None`: somebody defines something just now.
    pub(crate) fn heap_of_pool(&self) -> Option<Vec<HeapId>> {
        self.try_lock().map(|state| state.heap_of_pool.clone())
    }

    /// Writes what found no chunk ready before, unless somebody defines something just now, and so does the same.
    pub(crate) fn write_pending(&self, log: &Log) {
        if let Some(mut state) = self.try_lock() {
            state.write_pending(log);
        }
    }

    /// Writes what is left and gives the chunk back.
    pub(crate) fn close(&self, log: &Log) {
        let mut state = self.lock();
        state.write_pending(log);
        for _ in state.pending.drain(..) {
            log.ledger.count_definition();
        }
        state.retire(log);
    }

    /// For the helper, which threads wait for: it does not wait for one of them, which may have lost its processor to all others.
    fn try_lock(&self) -> Option<MutexGuard<'_, State>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Keeps everybody else from the definitions.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn define<I: DefinedId>(&mut self, log: &Log, describe: impl FnOnce(I) -> Definition) -> Option<I> {
        let id = I::next(&mut self.last)?;
        self.write(log, &describe(id));
        Some(id)
    }

    fn write(&mut self, log: &Log, definition: &Definition) {
        if let Definition::Pool(_, pool) = definition {
            self.heap_of_pool.push(HeapId(pool.heap));
        }
        let entry = definition.to_entry();
        if let Some(kept) = &mut self.kept
            && !matches!(definition, Definition::Thread(..))
        {
            kept.push(entry.clone());
        }
        self.write_pending(log);
        if !self.pending.is_empty() || !self.append(log, &entry) {
            if self.pending.len() < MOST_PENDING {
                self.pending.push_back(entry);
            } else {
                log.ledger.count_definition();
            }
        }
    }

    fn write_pending(&mut self, log: &Log) {
        while let Some(entry) = self.pending.pop_front() {
            if !self.append(log, &entry) {
                self.pending.push_front(entry);
                return;
            }
        }
    }

    /// Writes `entry` into the open chunk, or into a new one. `false`: there is none.
    fn append(&mut self, log: &Log, entry: &[u8]) -> bool {
        if self.open.as_ref().is_some_and(|(_, used)| used + entry.len() > Chunk::BODY_BYTES) {
            self.retire(log);
        }
        if self.open.is_none() {
            self.open = self.begin_chunk(log);
        }
        let Some((chunk, used)) = &mut self.open else { return false };
        chunk.write_definition(*used, entry);
        *used += entry.len();
        true
    }

    fn begin_chunk(&mut self, log: &Log) -> Option<(Chunk, usize)> {
        let chunk = log.take_chunk().ok()?;
        chunk.write_header(&ChunkHeader {
            kind: ChunkKind::Definitions,
            session: log.short_session(),
            sequence: chunk.sequence,
            thread: ThreadId::NONE,
            thread_sequence: self.thread_sequence,
            base_time: chunk.calibration.ticks,
            calibration: chunk.calibration,
            drops: DropCounts::default(),
            seal: None,
        });
        self.thread_sequence += 1;
        Some((chunk, 0))
    }

    fn retire(&mut self, log: &Log) {
        if let Some((chunk, used)) = self.open.take() {
            log.retire(Retired { chunk, used, followed_at: None });
        }
    }
}

/// `text` as far as a definition holds it.
pub(crate) fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}

/// The kernel's id and name of the calling thread. The kernel keeps 15 bytes of a name.
fn describe_thread() -> ThreadDefinition {
    const NAME_BYTES: usize = 16;
    let mut name = [0_u8; NAME_BYTES];
    // SAFETY: PR_GET_NAME writes at most 16 bytes, a zero behind the name included; gettid has no arguments.
    let os_id = unsafe {
        libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr());
        libc::gettid()
    };
    let name =
        CStr::from_bytes_until_nul(&name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    ThreadDefinition { os_id: os_id.cast_unsigned(), name }
}
