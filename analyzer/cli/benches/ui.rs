//! Time to the terminal UI's first picture, and time of a frame from the key to the last byte on the terminal.
//!
//!     cargo bench -p memtrace-analyzer --bench ui                    # a generated trace of 1e6 events
//!     cargo bench -p memtrace-analyzer --bench ui -- 100000000       # of as many as wanted
//!     cargo bench -p memtrace-analyzer --bench ui -- run.trace       # a recording, which has modules and swaps too
//!
//! The command itself runs on a terminal of 200×60, as for a user: what is measured has the keyboard, the drawing and the terminal
//! in it, and only what the terminal would do with the bytes is not. "settled" is when the workers have shown what they read.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use memtrace_terminal::{Size, Terminal};

use memtrace_testing::generated::{CASES, generate};

const SIZE: Size = Size { columns: 200, rows: 60 };

/// The views by their keys.
const VIEWS: [(&str, &str); 9] = [
    ("1", "overview"),
    ("2", "timeline"),
    ("3", "residency"),
    ("4", "swaps"),
    ("5", "map"),
    ("6", "live"),
    ("7", "growth"),
    ("8", "ledger"),
    ("9", "events"),
];

/// What is pressed in every view: the cursor, rows, zoom. What changes nothing in a view is not counted there.
const KEYS: [&str; 12] = ["\x1b[C", "j", "+", "l", "\x1b[D", "-", "j", "\x1b[1;2C", "]", "k", "[", "p"];
const ROUNDS: usize = 3;

/// Output that comes closer together than this is one frame.
const WITHIN_FRAME: Duration = Duration::from_millis(2);
/// When nothing has come for so long, nothing is under way.
const SILENCE: Duration = Duration::from_millis(120);
/// A key that has shown nothing for so long changes nothing.
const NOTHING: Duration = Duration::from_millis(400);

fn main() {
    let argument = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = match argument.as_deref().map(str::parse::<u64>) {
        Some(Err(_)) => PathBuf::from(argument.unwrap_or_default()),
        number => {
            let events = number.and_then(Result::ok).unwrap_or(1_000_000);
            let path = folder.path().join("bench.trace");
            // With segments and extensions, a thousand blocks live.
            println!("{events} events, {}", CASES[2].name);
            generate(&path, CASES[2], events);
            path
        }
    };
    measure(&path);
}

fn measure(path: &Path) {
    let began = Instant::now();
    let mut terminal =
        Terminal::start(Command::new(env!("CARGO_BIN_EXE_memtrace")).arg("analyze").arg(path), SIZE);
    terminal.await_text("memtrace");
    println!("first frame      {:8.1} ms after the start", milliseconds(began.elapsed()));
    // Of a trace that is read within a few milliseconds, all figures come at once.
    terminal.await_screen("figures", |terminal| {
        let screen = terminal.screen();
        screen.contains("in the first") || screen.contains("Findings")
    });
    println!("first figures    {:8.1} ms after the start", milliseconds(began.elapsed()));
    terminal.await_text("Findings");
    println!("all figures      {:8.1} ms after the start", milliseconds(began.elapsed()));
    println!("{:10} {:>7} {:>24} {:>24}", "ms", "frames", "frame: p50, max", "settled: p50, max");
    for (key, name) in VIEWS {
        let mut frames = Vec::new();
        let mut settled = Vec::new();
        let keys = std::iter::once(key).chain(KEYS.into_iter().cycle().take(KEYS.len() * ROUNDS));
        for key in keys {
            if let Some((frame, all)) = press(&mut terminal, key) {
                frames.push(frame);
                settled.push(all);
            }
        }
        // The first one is the view's own key.
        let (frame, all) = (spread(&mut frames), spread(&mut settled));
        println!(
            "{name:10} {:>7} {:>14.1} {:>9.1} {:>14.1} {:>9.1}",
            frames.len(),
            frame.0,
            frame.1,
            all.0,
            all.1
        );
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", terminal.id())).unwrap_or_default();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("?").trim();
    println!("peak memory {memory}");
    terminal.press("q");
    assert!(terminal.finish().status.success());
}

/// How long it takes from the key to the end of the first frame, and to that of the last one; none: nothing changes.
fn press(terminal: &mut Terminal, key: &str) -> Option<(Duration, Duration)> {
    let pressed = Instant::now();
    terminal.press(key);
    terminal.take_in(NOTHING).ok()?;
    let mut frame = pressed.elapsed();
    while terminal.take_in(WITHIN_FRAME).is_ok() {
        frame = pressed.elapsed();
    }
    let mut settled = frame;
    while terminal.take_in(SILENCE).is_ok() {
        settled = pressed.elapsed();
    }
    Some((frame, settled))
}

/// The median and the most.
fn spread(times: &mut [Duration]) -> (f64, f64) {
    times.sort();
    let at = |place: usize| times.get(place).copied().map_or(f64::NAN, milliseconds);
    (at(times.len() / 2), at(times.len().saturating_sub(1)))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
