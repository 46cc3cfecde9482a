//! Models: small programs of two or three threads around the code that ships, run by [loom] in every order in which the
//! threads can meet, and with every value that the memory model lets a load return.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test -p memtrace-tracer --lib --release --target-dir target/loom model
//! ```
//!
//! Loom finds a plain access that another thread's can race with by itself. The rest is for each model to assert.
//!
//! [loom]: https://docs.rs/loom

/// Elements through the queue.
mod queue;

/// The helper that must not sleep when a chunk was taken.
mod bell;

/// Threads that record, and the helper that seals what they give back.
mod recording;

/// Chunks that are folded while they are written, taken back and handed out again.
mod recycling;

/// Signal handlers that record on a thread that records.
mod signals;

/// What the models have in common: pages, chunks and a recording.
mod stage;

/// Runs `model` in every order with so many preemptions at most. Orders that need more of them were never found to matter:
/// most bugs take two (Musuvathi and Qadeer, Iterative Context Bounding, PLDI 2007).
fn every_order(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 100_000;
    builder.check(model);
}
