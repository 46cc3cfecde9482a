//! Rounds: everything that is to be compared runs in turn, a batch of iterations each, again and again.

use std::{sync::Barrier, thread, time::Duration};

use crate::Samples;

/// Iterations of a batch.
pub const BATCH: u64 = 16 << 10;

/// What a steady pace leaves to background threads before each batch.
const PAUSE: Duration = Duration::from_millis(3);

/// What is left to background threads between two batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Time to prepare what the next batch will use: what a program gets that records no faster than it can go on doing.
    Steady,
    /// Nothing.
    Burst,
}

/// One thing to measure.
pub struct Case<'a> {
    name: &'static str,
    events: f64,
    batch: Box<dyn FnMut() + 'a>,
}

impl<'a> Case<'a> {
    /// An iteration of something, which consists of so many events. Times are given per event.
    pub fn new(name: &'static str, events: u32, mut iteration: impl FnMut(u64) + 'a) -> Self {
        Self::of_batches(name, events, move || (0..BATCH).for_each(&mut iteration))
    }

    /// A whole batch of [`BATCH`] iterations, for what needs something set up around them.
    pub fn of_batches(name: &'static str, events: u32, batch: impl FnMut() + 'a) -> Self {
        Self { name, events: f64::from(events), batch: Box::new(batch) }
    }

    fn run(&mut self, pace: Pace, barrier: Option<&Barrier>) -> f64 {
        if pace == Pace::Steady {
            thread::sleep(PAUSE);
        }
        if let Some(barrier) = barrier {
            barrier.wait();
        }
        cpu_time(&mut self.batch) / (BATCH as f64 * self.events)
    }
}

/// The CPU time of an event of each case, on this thread, in nanoseconds.
pub fn measure<const N: usize>(rounds: usize, pace: Pace, cases: [Case<'_>; N]) -> [Samples; N] {
    run(rounds, pace, None, cases)
}

/// The CPU time of an event of each case while another thread does the same, in nanoseconds: the mean of both threads.
pub fn measure_on_two_threads<const N: usize>(
    rounds: usize,
    pace: Pace,
    cases: impl Fn() -> [Case<'static>; N] + Sync,
) -> [Samples; N] {
    let barrier = Barrier::new(2);
    let one = || run(rounds, pace, Some(&barrier), cases());
    let [first, second] = thread::scope(|scope| {
        [scope.spawn(one), scope.spawn(one)].map(|thread| thread.join().expect("a case does not panic"))
    });
    let mut second = second.into_iter();
    first.map(|first| {
        let second = second.next().expect("both threads measure the same cases");
        first.zip(&second, |first, second| (first + second) / 2.0)
    })
}

/// The CPU time of an event of this case on all threads of the process, in nanoseconds: what background threads do for it,
/// also afterwards, counts.
pub fn measure_process(rounds: usize, mut case: Case<'_>) -> f64 {
    wait_until_idle();
    let before = clock_ns(libc::CLOCK_PROCESS_CPUTIME_ID);
    for _ in 0..rounds {
        thread::sleep(PAUSE);
        (case.batch)();
    }
    wait_until_idle();
    let spent = clock_ns(libc::CLOCK_PROCESS_CPUTIME_ID) - before;
    spent as f64 / (BATCH as f64 * case.events * rounds as f64)
}

/// The CPU time that `work` takes on this thread, in nanoseconds.
pub fn cpu_time(work: impl FnOnce()) -> f64 {
    let before = clock_ns(libc::CLOCK_THREAD_CPUTIME_ID);
    work();
    (clock_ns(libc::CLOCK_THREAD_CPUTIME_ID) - before) as f64
}

/// Waits until the process's threads have done what they were given, and use less than a twentieth of a processor.
fn wait_until_idle() {
    const STEP: Duration = Duration::from_millis(20);
    loop {
        let before = clock_ns(libc::CLOCK_PROCESS_CPUTIME_ID);
        thread::sleep(STEP);
        let spent = clock_ns(libc::CLOCK_PROCESS_CPUTIME_ID) - before;
        if u128::from(spent) < STEP.as_nanos() / 20 {
            return;
        }
    }
}

/// CLOCK_MONOTONIC in nanoseconds, which is the same in all processes.
pub fn monotonic_ns() -> u64 {
    clock_ns(libc::CLOCK_MONOTONIC)
}

fn run<const N: usize>(
    rounds: usize,
    pace: Pace,
    barrier: Option<&Barrier>,
    mut cases: [Case<'_>; N],
) -> [Samples; N] {
    let mut samples = cases.each_ref().map(|case| Samples::new(case.name));
    // The first round is for what is set up on first use.
    for round in 0..=rounds {
        for index in 0..N {
            // Each round begins with another case, so that none gains from what runs before it.
            let index = (round + index) % N;
            let ns = cases[index].run(pace, barrier);
            if round > 0 {
                samples[index].values.push(ns);
            }
        }
    }
    samples
}

fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place to write to, and every Linux has the clocks.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
