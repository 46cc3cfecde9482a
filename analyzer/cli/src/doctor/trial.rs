//! Records two seconds of this Python's PyTorch, and holds the trace against what the program says of itself.

use std::{
    io::{self, Read as _},
    path::Path,
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use memtrace_analysis::{
    analyze,
    report::{FindingVerdict, Report},
};

use super::{Check, recording::recorded};
use crate::record::{library, python};

const WHAT: &str = "PyTorch recording";

/// Importing PyTorch and starting a device take seconds; a driver that is broken may take for ever.
const PATIENCE: Duration = Duration::from_secs(90);

/// Runs a small model for two seconds. Prints PyTorch's version, the device, the forwards, and what PyTorch says was its peak there.
const PROGRAM: &str = "
import time, torch
device = 'cuda' if torch.cuda.is_available() else 'cpu'
doctor = torch.nn.Sequential(torch.nn.Linear(512, 2048), torch.nn.Linear(2048, 512)).to(device)
forwards, end = 0, time.monotonic() + 2
with torch.no_grad():
    while time.monotonic() < end:
        doctor(torch.ones(64, 512, device=device))
        forwards += 1
peak = torch.cuda.max_memory_allocated() if device == 'cuda' else 'unknown'
print('memtrace-doctor', torch.__version__, device, forwards, peak)
";

/// Where there is no PyTorch, there is nothing to try.
pub(super) fn checks(interpreter: &Path, named_library: Option<&Path>) -> Vec<Check> {
    let Ok(library) = library::find(named_library) else { return Vec::new() };
    let Ok(package) = python::find(None, &library) else { return Vec::new() };
    let Ok(folder) = tempfile::tempdir() else { return Vec::new() };
    let trace = folder.path().join("torch.trace");
    let mut command = recorded(interpreter, &library, &trace, "on,torch");
    command.args(["-W", "ignore", "-c", PROGRAM]).current_dir(folder.path());
    python::prepare(&mut command, &package);
    let warn = |why: String| {
        Check::new(WHAT, FindingVerdict::Warn, why, "report it, with what `memtrace doctor --json` prints")
    };
    let said = match ended(&mut command, PATIENCE) {
        Ok(Some((status, said))) if status.success() => said,
        Ok(Some((status, _))) => return vec![warn(format!("a small model could not be run: {status}"))],
        Ok(None) => return vec![warn(format!("a small model did not end within {} s", PATIENCE.as_secs()))],
        Err(error) => {
            return vec![Check::absent(WHAT, format!("{} cannot be run: {error}", interpreter.display()))];
        }
    };
    let Some(told) = Told::read(&said) else {
        return vec![warn("a small model ran, and said nothing".to_owned())];
    };
    vec![match analyze(trace) {
        Ok(analyzed) => told.check(&Seen::of(&analyzed.report, told.device)),
        Err(error) => warn(format!("the trace of a small model cannot be read: {error}")),
    }]
}

/// Runs a command to its end, and returns what it printed. None: it took too long, and was ended.
fn ended(command: &mut Command, patience: Duration) -> io::Result<Option<(ExitStatus, String)>> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let began = Instant::now();
    while child.try_wait()?.is_none() {
        if began.elapsed() > patience {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(20));
    }
    let mut said = Vec::new();
    if let Some(mut output) = child.stdout.take() {
        output.read_to_end(&mut said)?;
    }
    Ok(Some((child.wait()?, String::from_utf8_lossy(&said).into_owned())))
}

/// What the program said.
struct Told<'a> {
    version: &'a str,
    device: &'a str,
    forwards: u64,
    /// The most that PyTorch's allocator had handed out; PyTorch does not count this on the host.
    peak: Option<u64>,
}

impl<'a> Told<'a> {
    fn read(said: &'a str) -> Option<Self> {
        let line = said.lines().find_map(|line| line.strip_prefix("memtrace-doctor "))?;
        let [version, device, forwards, peak] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
        Some(Self { version, device, forwards: forwards.parse().ok()?, peak: peak.parse().ok() })
    }

    fn check(&self, seen: &Seen) -> Check {
        let Self { version, device, forwards, peak } = self;
        let on = if *device == "cuda" { "the GPU" } else { "the CPU" };
        let wrong = if seen.blocks == 0 {
            Some("the trace has none of its blocks".to_owned())
        } else if seen.forwards != *forwards {
            Some(format!("of {forwards} forwards of a model the trace has {}", seen.forwards))
        } else {
            peak.filter(|peak| *peak != seen.peak)
                .map(|peak| format!("its peak was {peak} bytes, and in the trace it is {}", seen.peak))
        };
        match wrong {
            Some(wrong) => Check::new(
                WHAT,
                FindingVerdict::Warn,
                format!("PyTorch {version} on {on}: {wrong}"),
                "report it, with what `memtrace doctor --json` prints",
            ),
            None => Check::ok(
                WHAT,
                format!(
                    "2 s of PyTorch {version} on {on}: {} blocks, {forwards} forwards of a model{}",
                    seen.blocks,
                    if peak.is_some() { ", and the peak that PyTorch tells" } else { "" }
                ),
            ),
        }
    }
}

/// What the trace has of it.
struct Seen {
    blocks: u64,
    forwards: u64,
    peak: u64,
}

impl Seen {
    fn of(report: &Report, device: &str) -> Self {
        let name = if device == "cuda" { "cuda:0" } else { "torch cpu" };
        let heap = report.heaps.iter().find(|heap| heap.name.recorded() == name);
        // The model is the only tree; what it is called depends on when it was first moved.
        let models = report.modules.iter().filter(|module| module.parent.is_none());
        Self {
            blocks: heap.map_or(0, |heap| heap.allocs),
            forwards: models.map(|module| module.forwards).max().unwrap_or(0),
            peak: heap.map_or(0, |heap| heap.peak.figures.allocated_bytes.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_trace_lacks_is_told() {
        let said = "a line of somebody's\nmemtrace-doctor 2.9.0 cuda 100 4096\n";
        let told = Told::read(said).expect("it is told");
        let verdict = |blocks, forwards, peak| told.check(&Seen { blocks, forwards, peak }).verdict;
        assert_eq!(verdict(300, 100, 4096), FindingVerdict::Ok);
        for (blocks, forwards, peak) in [(0, 100, 4096), (300, 99, 4096), (300, 100, 4095)] {
            assert_eq!(verdict(blocks, forwards, peak), FindingVerdict::Warn);
        }
        // On the host there is no peak to hold it against.
        let told = Told::read("memtrace-doctor 2.9.0 cpu 100 unknown").expect("it is told");
        let check = told.check(&Seen { blocks: 300, forwards: 100, peak: 1 });
        assert_eq!(check.verdict, FindingVerdict::Ok);
        assert!(!check.found.recorded().contains("peak"), "{check:?}");
        assert!(Told::read("nothing").is_none());
    }

    #[test]
    fn a_program_is_not_waited_for_without_end() {
        let (status, said) =
            ended(Command::new("echo").arg("this"), PATIENCE).expect("it runs").expect("it ends");
        assert!(status.success());
        assert_eq!(said, "this\n");
        let endless = ended(Command::new("sleep").arg("1000"), Duration::from_millis(50));
        assert!(endless.expect("it runs").is_none());
    }
}
