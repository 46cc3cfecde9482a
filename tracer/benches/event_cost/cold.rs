//! Cold events: the first ones of a log, and those that find no populated page because the helper thread gets no time.
//!
//! A process has one recording, so each log is made by a child of its own. To starve the helper, the child binds itself to
//! one processor and gives the helper what time nobody else wants, which is none while the child records.

use std::{env, fs, hint::black_box, io, mem, path::Path, process::Command, thread, time::Duration};

use memtrace_measure::{BATCH, Floor, Samples, Table, cpu_time};
use memtrace_tracer::{Address, Bytes, Heap, MemoryKind, Options};

/// What the command line of a child begins with; the log's name follows, then perhaps [`STARVED`].
pub(crate) const CHILD: &str = "--first-events";

const STARVED: &str = "--starved";

/// The events that are measured: 1 MiB of records.
const EVENTS: u64 = 2 * BATCH;

/// The pages that they fill.
const PAGES: f64 = (EVENTS * 32 / 4096) as f64;

/// Events that fill what the helper has populated by then (4 MiB) but not what it has mapped (16 MiB).
const POPULATED: u64 = 6 * EVENTS;

/// Measures the first events of `children` logs and as many where the helper is starved, and prints them.
pub(crate) fn print(children: usize, folder: &Path) {
    let log = folder.join("cold.trace");
    for (title, starved) in [("a log's first 32 Ki events", false), ("32 Ki events, helper starved", true)] {
        let names = [
            "floor F",
            "floor, cold pages",
            "block free",
            "faults/page, cold floor",
            "faults/page, block free",
        ];
        let mut samples = names.map(Samples::new);
        for _ in 0..children {
            let measured = measured_by_child(&log, starved);
            // A child that had to wait for the disk left its helper time after all.
            if !starved || measured[4] > 0.9 {
                samples.iter_mut().zip(measured).for_each(|(samples, value)| samples.values.push(value));
            }
        }
        if samples[0].values.is_empty() {
            println!("\n{title}: it never was; try again on a quieter machine");
            continue;
        }
        let [f, cold_floor, events, floor_faults, faults] = &samples;
        Table::new(title, &[("x F", f), ("x cold", cold_floor)]).rows([f, cold_floor, events]);
        for row in [floor_faults, faults] {
            println!("{:<44} {:>9.2}", row.name, row.interval().median);
        }
    }
}

fn measured_by_child(log: &Path, starved: bool) -> [f64; 5] {
    let mut command = Command::new(env::current_exe().expect("this program has a name"));
    command.arg(CHILD).arg(log).args(starved.then_some(STARVED));
    let output = command.output().expect("this program can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::remove_file(log).expect("the child made a log");
    let text = String::from_utf8(output.stdout).expect("the child prints numbers");
    let mut numbers = text.split_whitespace().map(|number| number.parse().expect("a number"));
    [(); 5].map(|()| numbers.next().expect("five numbers"))
}

/// Measures F, the cold floor and events, and prints their nanoseconds an event, then the page faults for a page of the
/// latter two.
pub(crate) fn child(log: &Path) {
    let folder = log.parent().expect("the log is in a folder");
    let mut populated = Samples::new("");
    let floor = Floor::populated(folder);
    for _ in 0..9 {
        populated.values.push(events(|i| floor.record(i)).0);
    }
    let cold = Floor::cold(folder, EVENTS);
    let (cold_ns, cold_faults) = events(|i| cold.record(i));

    memtrace_tracer::start(&Options::new(log)).expect("the log can be made");
    let pool = Heap::define("cuda:0", MemoryKind::Device, None).pool("", 0);
    let free = |i| pool.block_free(Address(i), Bytes(512));
    if env::args().any(|argument| argument == STARVED) {
        // Time to map what it maps ahead.
        thread::sleep(Duration::from_millis(50));
        starve_helper().expect("a thread may be given less time");
        (0..POPULATED).for_each(free);
    }
    let (ns, faults) = events(free);
    println!("{} {cold_ns} {ns} {cold_faults} {faults}", populated.interval().median);
}

/// Nanoseconds an event, and page faults a page.
fn events(mut event: impl FnMut(u64)) -> (f64, f64) {
    let before = page_faults();
    let ns = cpu_time(|| (0..black_box(EVENTS)).for_each(&mut event)) / EVENTS as f64;
    (ns, (page_faults() - before) as f64 / PAGES)
}

/// Page faults of this thread that needed no reading.
fn page_faults() -> i64 {
    // SAFETY: all zeros is a valid value of the type, which is plain numbers.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    // SAFETY: `usage` is a valid place to write to.
    unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) };
    usage.ru_minflt
}

/// Binds all threads to one processor, and the tracer's to the time that is left there.
fn starve_helper() -> io::Result<()> {
    // SAFETY: all zeros is the empty set, a valid value; the processor's number is one that the kernel just gave.
    let one = unsafe {
        let mut one: libc::cpu_set_t = mem::zeroed();
        libc::CPU_SET(libc::sched_getcpu().unsigned_abs() as usize, &mut one);
        one
    };
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?;
        let id = task.file_name().to_string_lossy().parse().map_err(io::Error::other)?;
        // SAFETY: the set is a valid place to read.
        checked(unsafe { libc::sched_setaffinity(id, size_of_val(&one), &raw const one) })?;
        if fs::read_to_string(task.path().join("comm"))?.trim_end() == "memtrace" {
            let parameters = libc::sched_param { sched_priority: 0 };
            // SAFETY: the parameters are a valid place to read.
            checked(unsafe { libc::sched_setscheduler(id, libc::SCHED_IDLE, &raw const parameters) })?;
        }
    }
    Ok(())
}

fn checked(outcome: libc::c_int) -> io::Result<()> {
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
