//! One execution, and what it may take.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

pub(crate) use peak_alloc::PeakAlloc as Memory;
use rustix::time::{ClockId, clock_gettime};

/// What any input may take: memory, and time for each begun MiB of it.
const MEMORY: usize = 64 << 20;
const MEMORY_A_BYTE: usize = 4;
const TIME: Duration = Duration::from_secs(1);

/// Nothing that ends takes so long, on however busy a machine.
const NEVER: Duration = Duration::from_secs(120);

/// Reads a file, as a target does; whether it was taken for something.
pub(crate) type Run = fn(&Path) -> bool;

/// Executes a target within limits.
pub(crate) struct Limits {
    run: Run,
    input: PathBuf,
    /// Executions so far, for the thread that notices one that does not end.
    begun: Arc<AtomicU64>,
    pub(crate) accepted: u64,
    pub(crate) most_memory: usize,
    pub(crate) most_time: Duration,
}

impl Limits {
    /// `input` is the file that is written for each execution, and left behind if one does not end.
    pub(crate) fn new(run: Run, input: PathBuf) -> Self {
        let begun = Arc::new(AtomicU64::new(0));
        let (watched, file) = (Arc::downgrade(&begun), input.clone());
        // It looks from time to time: waking it for each execution would take longer than many of them.
        thread::spawn(move || {
            let mut last = None;
            while let Some(begun) = watched.upgrade().map(|begun| begun.load(Relaxed)) {
                if last == Some(begun) {
                    let left = std::env::temp_dir().join("memtrace-fuzz-hung");
                    let kept = std::fs::copy(&file, &left);
                    println!("an execution does not end; its input: {} ({kept:?})", left.display());
                    std::process::exit(1);
                }
                last = Some(begun);
                thread::sleep(NEVER);
            }
        });
        Self { run, input, begun, accepted: 0, most_memory: 0, most_time: Duration::ZERO }
    }

    /// Reads these bytes; what is wrong with how that went.
    pub(crate) fn execute(&mut self, bytes: &[u8]) -> Result<(), String> {
        std::fs::write(&self.input, bytes).map_err(|error| error.to_string())?;
        self.begun.fetch_add(1, Relaxed);
        let before = MemoryNow::begin();
        let began = processor_time();
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.run)(&self.input)));
        let took = processor_time().saturating_sub(began);
        let memory = before.most();
        self.most_memory = self.most_memory.max(memory);
        self.most_time = self.most_time.max(took);
        match outcome {
            Ok(accepted) => self.accepted += u64::from(accepted),
            Err(panic) => {
                let said = panic.downcast_ref::<String>().cloned();
                let said = said.or_else(|| panic.downcast_ref::<&str>().map(|&said| said.to_owned()));
                return Err(format!("it panics: {}", said.unwrap_or_default()));
            }
        }
        let (room, time) =
            (MEMORY + MEMORY_A_BYTE * bytes.len(), TIME * bytes.len().div_ceil(1 << 20).max(1) as u32);
        if memory > room {
            return Err(format!("it takes {memory} bytes of memory, and may take {room}"));
        }
        if took > time {
            return Err(format!("it takes {took:?}, and may take {time:?}"));
        }
        Ok(())
    }
}

/// How much is in use while an execution goes on.
struct MemoryNow(usize);

impl MemoryNow {
    fn begin() -> Self {
        crate::MEMORY.reset_peak_usage();
        Self(crate::MEMORY.current_usage())
    }

    fn most(self) -> usize {
        crate::MEMORY.peak_usage().saturating_sub(self.0)
    }
}

/// Of all threads: what the machine does meanwhile does not count.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
