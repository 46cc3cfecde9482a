//! Speed and memory of opening and analyzing generated traces, and the time to the state at any instant afterwards.
//!
//!     cargo bench -p memtrace-analysis --bench replay                      # 1e6 events
//!     cargo bench -p memtrace-analysis --bench replay -- 10000000          # as many as wanted
//!     cargo bench -p memtrace-analysis --bench replay -- 100000000 "1e6"   # only the cases whose names have this in them
//!
//! Each case runs in a process of its own, so that its peak memory is its own. "a core" divides by the processor time of all
//! threads; where others use the machine too, that is the figure to look at. 1e8 events take 6.4 GB of disk at most, in the folder
//! for temporary files, one case at a time. `README.md`, beside this, has what came out.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use memtrace_analysis::{Checkpoints, Nanos, Trace};
use memtrace_testing::generated::{CASES, Random, TICKS, generate};

/// The most times at which the state is asked for, and how long that goes on.
const ASKED: usize = 100;
const PATIENCE: Duration = Duration::from_secs(10);

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    match &arguments[..] {
        [child, path] if child == "analyze" => analyze(Path::new(path)),
        _ => {
            let events = arguments.first().and_then(|events| events.parse().ok()).unwrap_or(1_000_000);
            run_all(events, arguments.get(1).map_or("", |part| part));
        }
    }
}

fn run_all(events: u64, part: &str) {
    println!("{events} events");
    println!(
        "{:32} {:>8} {:>10} {:>10} {:>8} {:>10} {:>22}",
        "", "open ms", "M events/s", "a core", "s", "peak MiB", "state at: p50, max ms"
    );
    let directory = tempfile::tempdir().expect("a temporary directory");
    for case in CASES.into_iter().filter(|case| case.name.contains(part)) {
        let path = directory.path().join("bench.trace");
        generate(&path, case, events);
        let me = std::env::current_exe().expect("this program has a path");
        let output = Command::new(me).arg("analyze").arg(&path).output().expect("it runs");
        print!("{:32} {}", case.name, String::from_utf8_lossy(&output.stdout));
        print!("{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn analyze(path: &Path) {
    let (mut wall, mut used, mut events) = (f64::INFINITY, f64::INFINITY, 0);
    let mut checkpoints = Checkpoints::default();
    for _ in 0..3 {
        let (began, used_before) = (Instant::now(), processor_seconds());
        let analysis = memtrace_analysis::analyze(path).expect("a readable trace");
        wall = wall.min(began.elapsed().as_secs_f64());
        used = used.min(processor_seconds() - used_before);
        events = analysis.report.trace.events;
        assert_eq!(analysis.report.trace.damaged_chunks, 0);
        assert!(analysis.report.trace.oddities.is_empty(), "{:?}", analysis.report.trace.oddities);
        checkpoints = analysis.checkpoints;
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("?").trim();
    let memory: f64 = memory.trim_end_matches(" kB").parse().unwrap_or(f64::NAN);

    let began = Instant::now();
    let trace = Trace::open(path).expect("a readable trace");
    let opened = began.elapsed().as_secs_f64() * 1e3;
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let began = Instant::now();
    let mut taken: Vec<f64> = (0..ASKED)
        .take_while(|&asked| asked == 0 || began.elapsed() < PATIENCE)
        .map(|_| {
            let time = Nanos(random.draw() % (events * TICKS));
            let began = Instant::now();
            let instant = trace.at(&checkpoints, time).expect("a readable trace");
            assert!(!instant.heaps.is_empty() || time.0 < TICKS);
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    taken.sort_by(f64::total_cmp);
    let millions = |seconds: f64| events as f64 / seconds / 1e6;
    println!(
        "{opened:8.1} {:10.1} {:10.1} {wall:8.2} {:10.1} {:12.1} {:9.1}",
        millions(wall),
        millions(used),
        memory / 1024.0,
        taken[taken.len() / 2],
        taken[taken.len() - 1]
    );
}

/// What all threads of this process have used so far, in steps of 10 ms.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}
