//! Performs the history that it reads as JSON from its standard input, each step on its thread, strictly in order, telling
//! the tracer as an engine does.

use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use memtrace_tests::{
    Action, HEAPS, History, MODULES, Step, THREADS, heap_name, module_name, scope_name, thread_name,
};
use memtrace_tracer::{Address, Bytes, Forward, Heap, MemoryKind, Module, Name, Pool, Scope};

/// After so many steps there is a rest, so that the tracer's helper has its turn on a machine that has much else to do.
const STEPS_BETWEEN_RESTS: usize = 4096;

fn main() -> serde_json::Result<()> {
    let history: History = serde_json::from_reader(io::stdin().lock())?;
    memtrace_tracer::engine("history", "");
    let engine = Engine {
        pools: std::array::from_fn(|heap| {
            Heap::define(&heap_name(heap), MemoryKind::Device, None).pool("", 0)
        }),
        modules: std::array::from_fn(|module| Module::define(&module_name(module), None, Bytes(1), None)),
    };
    // The number of the step whose turn it is. A thread hands the turn on with Release after it has told the tracer.
    let turn = AtomicUsize::new(0);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (engine, history, turn) = (&engine, &history, &turn);
            let perform = move || engine.perform(thread, &history.steps, turn);
            thread::Builder::new()
                .name(thread_name(thread))
                .spawn_scoped(scope, perform)
                .expect("a thread can start");
        }
    });
    Ok(())
}

struct Engine {
    pools: [Pool; HEAPS],
    modules: [Module; MODULES],
}

impl Engine {
    fn perform(&self, thread: usize, steps: &[Step], turn: &AtomicUsize) {
        let mut scopes: Vec<Scope> = Vec::new();
        let mut forwards: Vec<Forward> = Vec::new();
        for (number, step) in steps.iter().enumerate().filter(|(_, step)| step.thread == thread) {
            while turn.load(Ordering::Acquire) != number {
                thread::yield_now();
            }
            // The clock is not read before the turn has come, or the log's times would not be in the order of the steps.
            #[cfg(target_arch = "x86_64")]
            // SAFETY: every processor of this kind has the instruction, and it touches no memory.
            unsafe {
                std::arch::x86_64::_mm_lfence();
            }
            let pool = self.pools[step.heap];
            match step.action {
                Action::SegmentAlloc { address, size } => pool.segment_alloc(Address(address), Bytes(size)),
                Action::SegmentFree { address, size } => pool.segment_free(Address(address), Bytes(size)),
                Action::Alloc { address, size, requested, module } => {
                    let (address, size, requested) = (Address(address), Bytes(size), Bytes(requested));
                    match module {
                        Some(module) => pool.block_alloc_for(self.modules[module], address, size, requested),
                        None => pool.block_alloc(address, size, requested),
                    }
                }
                Action::Free { address, size } => pool.block_free(Address(address), Bytes(size)),
                Action::FreeRequested { address, size } => {
                    pool.block_free_requested(Address(address), Bytes(size));
                }
                Action::FreeCompleted { address, size } => {
                    pool.block_free_completed(Address(address), Bytes(size));
                }
                Action::ForwardBegin(module) => forwards.push(self.modules[module].forward()),
                Action::ForwardEnd => drop(forwards.pop()),
                Action::ScopeBegin(name) => scopes.push(Name::intern(&scope_name(name)).scope()),
                Action::ScopeEnd => drop(scopes.pop()),
            }
            if number % STEPS_BETWEEN_RESTS == STEPS_BETWEEN_RESTS - 1 {
                thread::sleep(Duration::from_millis(2));
            }
            turn.store(number + 1, Ordering::Release);
        }
        // What is still open ends with the history, when everybody has had their last turn.
        while turn.load(Ordering::Acquire) < steps.len() {
            thread::yield_now();
        }
        while scopes.pop().is_some() {}
        while forwards.pop().is_some() {}
    }
}
