//! Measures what events and programs cost, as ratios to something that is measured in the same run.
//!
//! ```
//! use memtrace_measure::{Case, Pace, Table, measure};
//!
//! let [load, add] = measure(4, Pace::Steady, [
//!     Case::new("nothing", 1, |i| _ = std::hint::black_box(i)),
//!     Case::new("an addition", 1, |i| _ = std::hint::black_box(i + 1)),
//! ]);
//! Table::new("per event", &[("x nothing", &load)]).rows([&add]);
//! ```
//!
//! A machine's noise moves everything that is measured at about the same time. So the things to compare run in turn, a
//! batch each, round after round; a ratio is the median of the rounds' ratios, and comes with its 95% confidence interval.
//! It knows nothing of the tracer.
#![cfg(target_os = "linux")]

mod samples;

mod rounds;

mod floor;

mod program;

mod table;

pub use floor::Floor;
pub use program::{Usage, run};
pub use rounds::{
    BATCH, Case, Pace, cpu_time, measure, measure_on_two_threads, measure_process, monotonic_ns,
};
pub use samples::{Interval, Samples};
pub use table::Table;

/// Whether the command line asks for a run of seconds that shows that everything works.
pub fn smoke() -> bool {
    std::env::args().any(|argument| argument == "--smoke")
}

/// As [`smoke`], in a benchmark. `cargo bench` says that it is a benchmark that it runs; `cargo test`, which may run one as
/// well, does not, and gets the short run.
pub fn smoke_bench() -> bool {
    smoke() || !std::env::args().any(|argument| argument == "--bench")
}
