//! The sampler: reads figures of devices and of the machine now and then, on threads of its own.
//!
//! There are two, because of descriptors. The thread that reads the kernel's files has a table of descriptors of its own. The
//! one that asks the driver's libraries must share the program's: the libraries open files on one thread and use them on
//! another. So that it takes no number that the program would have got, it does nothing until the program itself has
//! loaded and initialised the driver.

mod devices;

mod host;

mod recorder;

mod rounds;

use std::{
    ffi::CStr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use self::{
    devices::DeviceSources,
    host::HostSources,
    rounds::{Rounds, Sources},
};
use crate::{
    Sampling, cursor,
    log::{Thread, keep_descriptors_apart},
    message::say,
    sampling::Plan,
    session::{self, Session},
    signals, state,
};

/// The longest that the end of recording waits for the last samples. A call into a driver may take longer, or for ever; then
/// its thread is left to itself.
const PATIENCE: Duration = Duration::from_millis(10);

/// The threads that sample.
pub(crate) struct Sampler {
    threads: Vec<Arc<Progress>>,
}

/// What a sampling thread and those who end it tell each other.
#[derive(Default)]
struct Progress {
    stage: Mutex<Stage>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    #[default]
    Sampling,
    ToEnd,
    Ended,
}

impl Sampler {
    /// Starts what `sampling` needs. The threads record from when recording is on, and nobody waits for them.
    pub(crate) fn start(session: &'static Session, sampling: &Sampling) -> Self {
        let (device, host): (Vec<_>, Vec<_>) = sampling.plans().partition(DeviceSources::reads);
        let threads = [
            start_host(session, host),
            start(session, c"memtrace-device", 1 << 20, device, |_| DeviceSources::new()),
        ];
        Self { threads: threads.into_iter().flatten().collect() }
    }

    /// In a forked child that records: what is the child's own, its memory on the host. Devices are its parent's to ask.
    pub(crate) fn start_in_child(session: &'static Session, sampling: &Sampling) -> Self {
        let host = sampling.plans().filter(|plan| !DeviceSources::reads(plan)).collect();
        Self { threads: start_host(session, host).into_iter().collect() }
    }

    /// Ends sampling, after one more round of what is cheap. Waits a little while for it.
    pub(crate) fn stop(&self) {
        self.threads.iter().for_each(|thread| thread.reach(Stage::ToEnd));
        let deadline = Instant::now() + PATIENCE;
        for thread in &self.threads {
            thread.wait_for(Stage::Ended, deadline.saturating_duration_since(Instant::now()));
        }
    }
}

fn start_host(session: &'static Session, plans: Vec<Plan>) -> Option<Arc<Progress>> {
    start(session, c"memtrace-host", 256 << 10, plans, |plans| {
        keep_descriptors_apart();
        HostSources::open(plans)
    })
}

/// Starts a thread, if there is anything for it to do and it can be started.
fn start<S: Sources>(
    session: &'static Session,
    name: &'static CStr,
    stack: usize,
    plans: Vec<Plan>,
    open: impl FnOnce(&[Plan]) -> S + Send + 'static,
) -> Option<Arc<Progress>> {
    if plans.is_empty() {
        return None;
    }
    let progress = Arc::new(Progress::default());
    let own = Arc::clone(&progress);
    // The thread gets the mask of this one, and so none of the program's signals.
    let signals = signals::hold_back();
    let thread = Thread::start(name, stack, move || {
        cursor::exclude_this_thread();
        let sample = || {
            let sources = open(&plans);
            // The thread is started before recording is on, so that what starting it allocates is not recorded.
            while !state::enabled() && !own.wait_for(Stage::ToEnd, Duration::from_micros(200)) {}
            Rounds::new(sources, &plans).run(&own);
            let signals = signals::hold_back();
            cursor::on_behalf_of_the_program(|| cursor::give_up_chunk(&signals, &session.log));
        };
        // A panic has said so on stderr. Nobody shall wait for more samples.
        let _ = catch_unwind(AssertUnwindSafe(sample));
        own.reach(Stage::Ended);
    });
    drop(signals);
    match thread {
        Ok(thread) => {
            thread.detach();
            Some(progress)
        }
        Err(error) => {
            say(format_args!("not sampling: cannot start a thread: {error}"));
            None
        }
    }
}

impl Progress {
    fn reach(&self, stage: Stage) {
        let mut reached = self.lock();
        *reached = stage.max(*reached);
        self.changed.notify_all();
    }

    /// Waits for so long at most, and says whether `stage` is reached.
    fn wait_for(&self, stage: Stage, patience: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), patience, |reached| *reached < stage);
        *waited.unwrap_or_else(PoisonError::into_inner).0 >= stage
    }

    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes sampling end, when the process exits, before the libraries that are loaded by now take leave: they may not be called
/// afterwards, and what they say then is no last sample.
fn stop_before_loaded_libraries_do() {
    extern "C" fn stop() {
        session::stop_sampling();
    }
    // SAFETY: the handler lives as long as the program and may be called at any time. Handlers are called in the opposite order
    // of their registration.
    unsafe { libc::atexit(stop) };
}
