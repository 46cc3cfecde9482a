use std::{ffi::OsString, path::Path};

use memtrace_analysis::{
    Trace,
    rendering::ReportText,
    report::{Counter, CounterNumber, Ended, Report},
};
use memtrace_format::{CounterValue, DeviceId, Event};

use crate::programs;

const MIB: u64 = 1 << 20;

/// What the driver of these tests has, of which others hold a part.
const CAPACITY: u64 = 64 * MIB;

/// Two devices in another order for NVML than for CUDA: every sample is what the program was told at that time.
#[test]
fn what_devices_have_free_is_sampled_as_the_program_is_told() {
    let settings = [("DEVICES", "2"), ("FOREIGN_BYTES", "3MiB"), ("CONTEXT_BYTES", "1MiB")];
    let run = Run::new(
        "driver=100,nvml=100,utilization=20,processes=20,pcie=5,pss=0",
        &settings,
        &[("REVERSED", "1"), ("RESERVED", "2MiB")],
        &["rest:20", "hold:0:8", "rest:300", "hold:1:16", "rest:300", "hold:0:4", "rest:300"],
    );
    assert_eq!(run.stderr, "");
    for (device, least) in [(0, 2), (1, 1)] {
        let told = run.samples_while_told(device);
        assert!(told.intervals >= least);
        for (name, used) in [("driver free", false), ("nvml free", false), ("nvml used", true)] {
            let samples = told.of(name);
            assert!(!samples.is_empty(), "no sample of {name} of device {device}");
            for (found, free) in samples {
                let expected = if used { CAPACITY - free } else { free };
                assert_eq!(found, expected, "{name} of device {device}");
            }
        }
        let ordinal = u64::from(device);
        for (name, expected) in [
            ("driver total", CAPACITY),
            ("driver integrated", 0),
            ("nvml total", CAPACITY + 2 * MIB),
            ("nvml reserved", 2 * MIB),
            ("nvml compute utilization", 40 + ordinal),
            ("nvml memory utilization", 20 + ordinal),
            ("nvml temperature", 50 + ordinal),
            ("nvml pcie sent", (1 + ordinal) * 1_000_000),
            ("nvml pcie received", (2 + ordinal) * 1_000_000),
            ("nvml other processes", 3 * MIB),
        ] {
            let counter = run.counter(name, Some(device));
            let expected = CounterNumber::Integer(expected);
            assert_eq!((counter.min, counter.max), (expected, expected), "{name} of device {device}");
        }
        assert_eq!(
            run.counter("nvml power", Some(device)).last,
            CounterNumber::Float(f64::from(100 + device))
        );
    }
    assert_eq!(run.unavailable(), [] as [&str; 0]);
    // The last round is made while the program still holds what it held.
    let free = run.counter("driver free", Some(0)).last;
    assert_eq!(free, CounterNumber::Integer(CAPACITY - (3 + 1 + 8 + 4) * MIB));
    for source in ["driver", "nvml", "utilization", "processes", "pcie", "host"] {
        assert!(run.counter(&format!("{source} round"), None).count > 0, "{source}");
    }
}

/// The parts of a divided device are what CUDA knows, and have memory and nothing else.
#[test]
fn parts_of_a_divided_device_are_sampled_as_far_as_they_can_be() {
    let run = Run::new("nvml=50", &[("DEVICES", "2")], &[("DIVIDED", "1")], &["hold:1:16", "rest:300"]);
    assert_eq!(run.counter("nvml used", Some(1)).max, CounterNumber::Integer(16 * MIB));
    assert_eq!(run.counter("nvml used", Some(0)).max, CounterNumber::Integer(0));
    for device in [0, 1] {
        for what in ["nvml compute utilization", "nvml temperature", "nvml power"] {
            let why = run.why(what, Some(device));
            assert!(why.ends_with("is not supported"), "{what}: {why}");
            assert!(run.find(what, Some(device)).is_none(), "unsupported is not 0");
        }
    }
    assert_eq!(run.stderr, "", "nobody asked for utilization by name");
}

/// An integrated device has no memory of its own for NVML; the driver knows what is free.
#[test]
fn an_integrated_device_has_no_memory_of_its_own() {
    let settings = [("INTEGRATED", "1"), ("MEMORY_POOLS", "0")];
    let run = Run::new("driver=50", &settings, &[("WITHOUT_MEMORY", "0")], &["hold:0:8", "rest:300"]);
    assert_eq!(run.counter("driver integrated", Some(0)).last, CounterNumber::Integer(1));
    assert_eq!(run.counter("driver free", Some(0)).last, CounterNumber::Integer(CAPACITY - 8 * MIB));
    for what in ["nvml used", "nvml free", "nvml reserved", "nvml total", "driver pool used"] {
        assert!(run.why(what, Some(0)).ends_with("is not supported"), "{what}");
        assert!(run.find(what, Some(0)).is_none(), "{what}");
    }
    assert!(run.counter("nvml temperature", Some(0)).count > 0);
    assert!(
        run.text().contains("not sampled: nvml used, nvml free, nvml reserved, nvml total: "),
        "{}",
        run.text()
    );
}

/// What fails in the middle is told once, with what had been sampled until then, and not asked again: that would hang here.
#[test]
fn what_begins_to_fail_is_told_once_and_left_alone() {
    let faults = "nvmlDeviceGetTemperature:3=999,nvmlDeviceGetTemperature:4+=hang";
    let run = Run::new("utilization=50,nvml=50", &[], &[("FAULTS", faults)], &["hold:0:8", "rest:400"]);
    assert_eq!(run.counter("nvml temperature", Some(0)).count, 2);
    assert!(run.why("nvml temperature", Some(0)).starts_with("nvmlDeviceGetTemperature failed: "));
    assert!(run.counter("nvml power", Some(0)).count > 2, "what does not fail goes on");
    assert_eq!(run.stderr.lines().count(), 1, "it was asked for by name: {}", run.stderr);
    assert!(run.stderr.starts_with("memtrace: nvml temperature is not sampled: "), "{}", run.stderr);
}

/// A call that never returns costs the program nothing but the samples of that thread, neither when it exits.
#[test]
fn a_library_that_hangs_does_not_hold_the_program() {
    let faults = "nvmlDeviceGetUtilizationRates:3=hang";
    let sample = "driver=100,utilization=20,host=50";
    let run = Run::new(sample, &[], &[("FAULTS", faults)], &["hold:0:8", "rest:400"]);
    assert_eq!((run.report.trace.ended, run.report.trace.dropped.total), (Ended::Clean, 0));
    assert!(run.counter("driver free", Some(0)).count > 0);
    assert!(run.counter("host resident", None).count > 2);
}

/// The driver is neither initialised nor given a context by looking at it.
#[test]
fn the_sampler_only_looks() {
    let fault = [("FAULTS", "cuDevicePrimaryCtxRetain:1+=999")];
    let run = Run::new("driver=100", &fault, &[], &["load", "rest:100", "init", "rest:100", "active"]);
    assert_eq!(run.stdout, "0\n");
    assert_eq!(run.why("driver", None), "the process has no context on the device");
    let run = Run::new("driver=100", &[("FAULTS", "cuInit:1+=999")], &[], &["load", "rest:100"]);
    assert_eq!(run.why("driver", None), "the process has not initialised libcuda");
    assert!(run.find("driver free", Some(0)).is_none());
    // NVML waits as well.
    assert_eq!(run.why("nvml", None), "the process has not initialised libcuda");
}

/// NVML waits until the program uses devices. Where it is missing then, that is said on stderr to who asked for it by name.
#[test]
fn nvml_is_missed_by_who_asked_for_it() {
    let run = Run::new("nvml=50", &[], &[], &["rest:100"]);
    assert_eq!((run.why("nvml", None), run.stderr.as_str()), ("the process has not loaded libcuda", ""));
    for (sample, stderr) in
        [("nvml=50", "memtrace: nvml is not sampled: libnvidia-ml.so.1 is missing\n"), ("", "")]
    {
        let run = Run::with(sample, &programs::cuda("64MiB", &[]), &["hold:0:8", "rest:200"]);
        assert_eq!((run.why("nvml", None), run.stderr.as_str()), ("libnvidia-ml.so.1 is missing", stderr));
        assert!(run.counter("driver free", Some(0)).count > 0);
    }
}

/// Another namespace's process ids say nothing about this process.
#[test]
fn a_process_that_is_not_listed_has_no_memory_of_a_device() {
    let run = Run::new("processes=50", &[], &[("PID_OFFSET", "1000000")], &["hold:0:8", "rest:200"]);
    assert!(
        run.find("nvml own process", Some(0)).is_none()
            && run.find("nvml other processes", Some(0)).is_none()
    );
    assert!(run.why("processes", None).contains("does not have this one's number"));
}

/// The sources keep their own times.
#[test]
fn each_source_has_its_rate() {
    let run = Run::new("driver=100,nvml=10,host=0", &[], &[], &["hold:0:8", "rest:600"]);
    let rounds = |source: &str| run.counter(&format!("{source} round"), None).count;
    assert!(rounds("driver") > 2 * rounds("nvml"), "{} and {}", rounds("driver"), rounds("nvml"));
    assert!(run.find("host round", None).is_none(), "a rate of 0 is never");
}

/// What cannot be read in the environment is named, and the rest goes on.
#[test]
fn what_is_malformed_is_named_and_changes_nothing() {
    let run = Run::without_libraries("nvlm=4,driver=fast,host=50", &["rest:200"]);
    let lines: Vec<_> = run.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for (line, item) in lines.iter().zip(["nvlm=4", "driver=fast"]) {
        assert!(line.starts_with(&format!("memtrace: MEMTRACE_SAMPLE={item:?}: expected ")), "{line}");
    }
    assert!(run.counter("host resident", None).count > 2);
    assert_eq!(run.why("driver", None), "the process has not loaded libcuda");
}

/// On a machine without devices nothing is said that nobody asked for; and `off` is off.
#[test]
fn a_machine_without_devices_is_nothing_to_speak_of() {
    let run = Run::without_libraries("", &["rest:50"]);
    assert_eq!(run.stderr, "");
    for name in ["host resident", "host available", "host free", "host total", "host minor faults"] {
        let counter = run.counter(name, None);
        assert!(counter.count > 0 && matches!(counter.last, CounterNumber::Integer(1..)), "{name}");
    }
    let off = Run::without_libraries("off", &["rest:50"]);
    assert!(off.report.samples.counters.is_empty() && off.report.samples.unavailable.is_empty());
    assert_eq!(off.report.trace.threads, Some(0));
}

/// In a ring, a counter shows what it showed last, and what is not sampled is known, though both were said long ago.
#[test]
fn a_ring_keeps_what_was_sampled_once() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("ring.trace");
    let mut environment = programs::cuda("64MiB", &[]);
    for (variable, value) in
        [("MEMTRACE_SAMPLE", "driver=50,pss=0"), ("MEMTRACE_MODE", "ring"), ("MEMTRACE_MAX_SIZE", "2MiB")]
    {
        environment.push((variable.to_owned(), value.into()));
    }
    programs::run_diffusion(&trace, &["--device", "cuda", "--steps", "300"], &environment);
    let run = Run::read(&trace, "", "");
    assert!(run.report.trace.kept_from_ns.is_some(), "it has recorded more than the ring holds");
    let integrated = run.counter("driver integrated", Some(0));
    assert_eq!((integrated.count, integrated.last), (0, CounterNumber::Integer(0)));
    assert_eq!(run.why("nvml", None), "libnvidia-ml.so.1 is missing");
}

/// A recorded run.
struct Run {
    report: Report,
    /// Samples, and marks of the program's, in the order of time.
    samples: Vec<Sample>,
    stdout: String,
    stderr: String,
}

struct Sample {
    name: String,
    device: Option<u32>,
    value: u64,
}

/// What was sampled of a device while its free bytes were known.
struct Told {
    intervals: usize,
    /// A counter, its value, and the bytes that were free.
    samples: Vec<(String, u64, u64)>,
}

impl Run {
    /// Runs the program with these steps on the software driver and NVML, which are set so.
    fn new(sample: &str, driver: &[(&str, &str)], nvml: &[(&str, &str)], steps: &[&str]) -> Self {
        let mut environment = programs::cuda("64MiB", driver);
        environment.extend(programs::nvml(nvml));
        Self::with(sample, &environment, steps)
    }

    /// Runs the program where there is neither.
    fn without_libraries(sample: &str, steps: &[&str]) -> Self {
        let nothing = concat!(env!("CARGO_TARGET_TMPDIR"), "/no-libraries");
        Self::with(sample, &[("LD_LIBRARY_PATH".to_owned(), nothing.into())], steps)
    }

    fn with(sample: &str, environment: &[(String, OsString)], steps: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("run.trace");
        let mut command = programs::sampled();
        command.args(steps).env("MEMTRACE_FILE", &trace).env("MEMTRACE_SAMPLE", sample);
        let output = command.envs(environment.iter().cloned()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{command:?}: {output:?}");
        Self::read(&trace, &text(&output.stdout), &text(&output.stderr))
    }

    fn read(trace: &Path, stdout: &str, stderr: &str) -> Self {
        let report = memtrace_analysis::analyze(trace).unwrap().report;
        let trace = Trace::open(trace).unwrap();
        let definitions = trace.definitions();
        let samples = trace.events().filter_map(|recorded| match recorded.unwrap().event {
            Event::CounterSample { counter, value: CounterValue::Integer(value) } => {
                let counter = definitions.counter(counter).unwrap();
                let device = definitions.device(DeviceId(counter.device)).map(|device| device.ordinal);
                Some(Sample { name: counter.name.clone(), device, value })
            }
            Event::Mark { name, value } => {
                Some(Sample { name: definitions.name(name).recorded().to_owned(), device: None, value })
            }
            _ => None,
        });
        Self { report, samples: samples.collect(), stdout: stdout.to_owned(), stderr: stderr.to_owned() }
    }

    fn find(&self, name: &str, device: Option<u32>) -> Option<&Counter> {
        let counters = &self.report.samples.counters;
        // The example engine has a counter of its own by the name of one of these.
        counters.iter().rev().find(|counter| counter.name.recorded() == name && counter.device == device)
    }

    fn counter(&self, name: &str, device: Option<u32>) -> &Counter {
        self.find(name, device).unwrap_or_else(|| panic!("no {name} of {device:?}: {}", self.text()))
    }

    /// Why something was not sampled.
    fn why(&self, what: &str, device: Option<u32>) -> &str {
        let mut unavailable = self.report.samples.unavailable.iter();
        let found = unavailable.find(|missing| missing.what.recorded() == what && missing.device == device);
        found.unwrap_or_else(|| panic!("{what} was sampled: {}", self.text())).why.recorded()
    }

    fn unavailable(&self) -> Vec<&str> {
        self.report.samples.unavailable.iter().map(|missing| missing.what.recorded()).collect()
    }

    fn text(&self) -> String {
        ReportText(&self.report).to_string()
    }

    /// What was sampled of a device from each mark that says what is free to the next that says that this changes. A sample
    /// that is recorded just behind the mark may have been read just before it, so the first of each counter is left out.
    fn samples_while_told(&self, device: u32) -> Told {
        let (begin, end) = (format!("device {device}"), format!("change {device}"));
        let mut told = Told { intervals: 0, samples: Vec::new() };
        let mut free = None;
        let mut seen = Vec::new();
        for sample in &self.samples {
            if sample.name == begin {
                free = Some(sample.value);
                told.intervals += 1;
                seen.clear();
            } else if sample.name == end {
                free = None;
            } else if sample.device == Some(device)
                && let Some(free) = free
            {
                if seen.contains(&&sample.name) {
                    told.samples.push((sample.name.clone(), sample.value, free));
                } else {
                    seen.push(&sample.name);
                }
            }
        }
        told
    }
}

impl Told {
    fn of(&self, name: &str) -> Vec<(u64, u64)> {
        let samples = self.samples.iter().filter(|(counter, ..)| counter == name);
        samples.map(|&(_, value, free)| (value, free)).collect()
    }
}
