//! Handles a fork during a recording.
//!
//! A child has its parent's memory, but not its helper thread, and the log is its parent's: recording is off in it. If the
//! child is to record as well, it begins a recording of its own when it first has something to record, and not before: most
//! children become another program at once, and in those the tracer starts no thread and makes no file. For that the
//! definitions are held while the fork happens, so that the child finds them whole.

use std::{
    cell::Cell,
    mem::{self, ManuallyDrop},
    ptr,
    sync::{
        MutexGuard,
        atomic::{AtomicBool, AtomicPtr, Ordering},
    },
    time::Duration,
};

use crate::{
    cursor::{self, Inside},
    definitions::{Definitions, State},
    main_thread,
    message::say,
    session::{self, Session},
    state::{self, Mode},
};

/// How long a fork waits for a thread that writes a definition. That takes microseconds; but the program's own handlers,
/// run before the tracer's, may hold what that thread needs.
const PATIENCE: Duration = Duration::from_millis(200);

/// In a child that is to record: the recording of its parent, which nobody writes to here.
static PARENT: AtomicPtr<Session> = AtomicPtr::new(ptr::null_mut());

/// What a thread that forks holds meanwhile.
struct Held {
    session: &'static Session,
    _definitions: MutexGuard<'static, State>,
    /// Dropped last: from then on the thread records, and signals come.
    _inside: Inside,
}

/// Why a child that should record cannot.
#[derive(Debug, thiserror::Error)]
enum Unready {
    #[error("a signal handler forked it while its thread recorded an event")]
    Inside,
    #[error("another thread was defining something for too long when it was forked")]
    Busy,
}

thread_local! {
    /// Not dropped with the thread, for then every fork would register a destructor.
    static HELD: Cell<Option<ManuallyDrop<Result<Held, Unready>>>> = const { Cell::new(None) };
}

/// Sees to all further forks of this process and its children.
///
/// The handlers of whoever asked earlier run later before a fork, while the definitions are held. So a library that records from within
/// the program's allocator asks before that can: its handlers wait for threads of which one may be defining something.
pub(crate) fn watch() {
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if WATCHED.swap(true, Ordering::Relaxed) {
        return;
    }
    // SAFETY: the handlers are functions that live as long as the program and may be called at any fork.
    unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
}

/// The recording of this process. A child that is to record begins its own.
#[cold]
pub(crate) fn begin_in_child() -> Option<&'static Session> {
    let parent = parent()?;
    // Whoever comes second waits here until the recording has begun.
    let inherited = parent.definitions.lock();
    if let Some(session) = session::begun() {
        return Some(session);
    }
    if !state::enabled() {
        return None;
    }
    let begun = cursor::without_counting(|| Session::begin_after(parent, Definitions::inherit(&inherited)));
    begun
        .inspect_err(|error| {
            state::turn_off();
            say(format_args!("not recording this child: {error}"));
        })
        .ok()
}

fn parent() -> Option<&'static Session> {
    // SAFETY: null, or a session, which is never given back.
    unsafe { PARENT.load(Ordering::Acquire).as_ref() }
}

extern "C" fn before() {
    HELD.set(hold().map(ManuallyDrop::new));
}

/// Enters the tracer and keeps all other threads from the definitions that a child inherits. `None`: no child is to record.
fn hold() -> Option<Result<Held, Unready>> {
    let session = || session::begun().or_else(parent).filter(|session| session.options.follow_fork);
    let mut current = session().filter(|_| !state::mode().is_off())?;
    let Some(inside) = cursor::enter() else { return Some(Err(Unready::Inside)) };
    loop {
        let Some(definitions) = current.definitions.hold(PATIENCE) else { return Some(Err(Unready::Busy)) };
        // A child's own recording may have begun while this waited.
        let before = mem::replace(&mut current, session()?);
        if ptr::eq(before, current) {
            return Some(Ok(Held { session: current, _definitions: definitions, _inside: inside }));
        }
    }
}

extern "C" fn in_parent() {
    drop(HELD.take().map(ManuallyDrop::into_inner));
}

extern "C" fn in_child() {
    let held = HELD.take().map(ManuallyDrop::into_inner);
    state::turn_off();
    let Some(Ok(Held { session, .. })) = &held else {
        cursor::part_from_parent();
        if let Some(Err(why)) = held {
            say(format_args!("not recording this child: {why}"));
        }
        return;
    };
    cursor::start_over();
    session::start_over();
    main_thread::start_over();
    PARENT.store(ptr::from_ref(*session).cast_mut(), Ordering::Release);
    state::turn_on(Mode::on(session.clock));
    // The thread leaves the tracer when this is dropped.
    drop(held);
}
