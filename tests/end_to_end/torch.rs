use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use memtrace_analysis::report::{Ended, FindingVerdict, Heap, Module, Report};
use memtrace_format::Event;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    optional::{self, Need},
    programs,
    truth::number,
};

/// A pipeline that swaps its modules, unmodified: at every event what is live adds up to what PyTorch says, every module has
/// its name, bytes and forwards, and every move is there.
#[test]
fn a_pipeline_is_told_as_its_own_books_tell_it() {
    let Some(lab) = Lab::new() else { return };
    let (report, books) = lab.record_program("pipeline.py", &["--jobs", "3"]);
    let books: Value = serde_json::from_str(&books).unwrap();

    let heap = torch_heap(&report);
    let totals = heap.allocator.unwrap();
    assert_eq!((totals.samples, totals.differing), (heap.allocs + heap.frees, 0));
    assert!(heap.allocs > 1_000 && heap.end.allocated_bytes.0 == totals.last.told_bytes.0);

    let modules = modules_by_path(&report);
    for (path, forwards) in books["forwards"].as_object().unwrap() {
        let module = modules.get(path).unwrap_or_else(|| panic!("{path} is not among {:?}", modules.keys()));
        assert_eq!(module.forwards, number(forwards), "forwards of {path}");
        assert_eq!(module.bytes.unwrap().0, number(&books["bytes"][path]), "bytes of {path}");
    }
    let (loads, evictions) = (number(&books["loads"]), number(&books["evictions"]));
    let parts = ["text_encoder", "unet", "vae"].map(|name| modules[name]);
    let moves: u64 = parts.iter().flat_map(|part| part.by_direction.values()).map(|moved| moved.count).sum();
    // Each part is dropped once before the first job.
    assert_eq!(moves, loads + evictions + 3);
    let disk = &report.transfers.by_direction.disk;
    assert_eq!(disk.count, moves + loads, "each load reads a file");
    let weights: u64 = parts.iter().map(|part| part.bytes.unwrap().0).sum();
    assert!(disk.bytes.0 >= 3 * weights, "files have headers beside weights");
    for part in parts {
        assert!(part.resident_ns["host"].0 > 0 && part.resident_ns["disk"].0 > 0, "{part:?}");
    }
    let owned = heap.peak.by_module.iter().filter(|share| share.name.recorded().starts_with("unet"));
    assert!(owned.map(|share| share.bytes.0).sum::<u64>() > weights / 2, "the UNet is the largest");
    let oddities = report.findings.iter().find(|finding| finding.id == "oddities").unwrap();
    assert_eq!(oddities.verdict, FindingVerdict::Ok, "{oddities:?}");
}

/// Weights that accelerate's hooks bring from the disk before a forward and drop behind it, and a safetensors file.
#[test]
fn offloaded_weights_come_and_go() {
    let Some(lab) = Lab::new() else { return };
    if !optional::accelerate(lab.python) {
        return;
    }
    let (report, books) = lab.record_program("offload.py", &[]);
    let books: Value = serde_json::from_str(&books).unwrap();
    let (rounds, bytes) = (number(&books["rounds"]), number(&books["bytes"]));
    let modules = modules_by_path(&report);
    assert_eq!((modules["big"].forwards, modules["big"].bytes.unwrap().0), (rounds, bytes));
    let moved = |name: &str| modules[name].by_direction["disk"].bytes.0;
    assert_eq!(moved("big.0") + moved("big.2"), rounds * bytes, "what is dropped is not copied");
    let count = |name: &str| modules[name].by_direction["disk"].count;
    assert_eq!((count("big.0"), count("big.2")), (2 * rounds, 2 * rounds));
    let file = report.transfers.by_direction.disk.bytes.0 - rounds * bytes;
    assert!((bytes..bytes + 4096).contains(&file), "a file of {bytes} bytes of weights: {file}");
    assert_eq!(torch_heap(&report).allocator.unwrap().differing, 0);
}

/// Training, with batches made on another thread: it computes what it computes unrecorded, and the sums agree.
#[test]
fn training_computes_what_it_computes_unrecorded() {
    let Some(lab) = Lab::new() else { return };
    let unrecorded = run(programs::quiet(lab.python).arg(program("training.py")));
    let (report, recorded) = lab.record_program("training.py", &[]);
    assert_eq!(recorded.as_bytes(), unrecorded.stdout);
    let heap = torch_heap(&report);
    assert!(heap.allocs > 500 && heap.peak.by_thread.len() > 1, "{:?}", heap.peak.by_thread);
    let totals = report.findings.iter().find(|finding| finding.id == "allocator-totals").unwrap();
    assert_eq!(totals.verdict, FindingVerdict::Ok, "{totals:?}");
    let model = &modules_by_path(&report)["Sequential"];
    assert_eq!(model.forwards, 30);
}

/// Killed in the middle, every forward that the program had acknowledged is in the trace.
#[test]
fn a_killed_pipeline_loses_nothing() {
    let Some(lab) = Lab::new() else { return };
    let (trace, acks) = (lab.path("killed.trace"), lab.path("acks"));
    let mut command = lab.record(&trace, &[program("pipeline.py").as_os_str(), "--jobs=100000".as_ref()]);
    // The program itself, and not what waits for it.
    command.arg("--acks").arg(&acks).stdout(Stdio::null());
    let mut recorder = command.spawn().unwrap();
    let patience = Instant::now() + Duration::from_secs(120);
    let acknowledged = || fs::read(&acks).map_or(0, |bytes| bytes.len() as u64);
    while acknowledged() < 50 {
        assert!(Instant::now() < patience && recorder.try_wait().unwrap().is_none(), "it runs");
        thread::sleep(Duration::from_millis(2));
    }
    let pid = memtrace_analysis::Trace::open(&trace).unwrap().header().pid;
    // SAFETY: the process is this test's, and its recorder has not waited for it yet.
    assert_eq!(unsafe { libc::kill(pid as libc::pid_t, libc::SIGKILL) }, 0);
    recorder.wait().unwrap();
    let report = memtrace_analysis::analyze(&trace).unwrap().report;
    assert_eq!(report.trace.ended, Ended::Killed);
    assert_eq!((report.trace.damaged_chunks, report.trace.dropped.total), (0, 0));
    let forwards = modules_by_path(&report)["unet"].forwards;
    let acknowledged = acknowledged();
    assert!((acknowledged..=acknowledged + 1).contains(&forwards), "{forwards}, {acknowledged} acknowledged");
    assert_eq!(torch_heap(&report).allocator.unwrap().differing, 0);
}

/// Arrays of numpy are in the heap of `malloc`. PyTorch's blocks come from there too, and are in a heap of their own alone.
#[test]
fn no_byte_is_in_two_heaps() {
    let Some(lab) = Lab::new() else { return };
    let (script, trace) = (lab.path("heaps.py"), lab.path("heaps.trace"));
    fs::write(&script, HEAPS).unwrap();
    run(&mut lab.record(&trace, &[script.as_os_str()]));
    let trace = memtrace_analysis::Trace::open(&trace).unwrap();
    let mut heaps: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for recorded in trace.events() {
        if let Event::BlockAlloc(alloc) = recorded.unwrap().event {
            let heap = trace.definitions().heap_name(alloc.pool);
            heaps.entry(alloc.size.0).or_default().push(heap.recorded().to_owned());
        }
    }
    assert_eq!(heaps.get(&3_000_001), Some(&vec!["host".to_owned()]), "numpy");
    assert_eq!(heaps.get(&5_000_003), Some(&vec!["torch cpu".to_owned()]), "PyTorch");
}

const HEAPS: &str = "
import numpy, torch
array = numpy.zeros(3_000_001, dtype=numpy.uint8)
tensor = torch.empty(5_000_003, dtype=torch.uint8)
";

/// The program's environment, its `sitecustomize` and PyTorch's profiler are what they are without us.
#[test]
fn the_program_does_not_notice() {
    let Some(lab) = Lab::new() else { return };
    fs::write(lab.path("sitecustomize.py"), "print('customized')\n").unwrap();
    fs::write(lab.path("notice.py"), NOTICE).unwrap();
    let mut plain = programs::quiet(lab.python);
    let plain = run(plain.arg(lab.path("notice.py")).env("PYTHONPATH", lab.folder.path()));
    let mut recorded = lab.record(&lab.path("notice.trace"), &[lab.path("notice.py").as_os_str()]);
    let recorded = run(recorded.env("PYTHONPATH", lab.folder.path()));
    assert_eq!(String::from_utf8_lossy(&recorded.stdout), String::from_utf8_lossy(&plain.stdout));
}

/// Phases, marks and counters of a program that calls the package, with the interpreter of this machine, which need not have
/// PyTorch: recorded or not, it does the same.
#[test]
fn the_package_names_what_a_program_says() {
    let folder = tempfile::tempdir().unwrap();
    let (script, trace) = (folder.path().join("said.py"), folder.path().join("said.trace"));
    fs::write(&script, SAID).unwrap();
    let mut command = programs::quiet(Path::new("python3"));
    command.arg(&script).env("PYTHONPATH", package());
    let Ok(output) = command.output() else { return optional::skip(Need::Python, "there is no python3") };
    assert_eq!(String::from_utf8_lossy(&output.stdout), "False 5\n", "{output:?}");
    let output = run(command.env("MEMTRACE_FILE", &trace).env("MEMTRACE_LIBRARY", programs::c_library()));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "True 5\n");
    let report = memtrace_analysis::analyze(&trace).unwrap().report;
    let phases: Vec<_> = report.phases.iter().map(|phase| phase.name.recorded()).collect();
    assert_eq!(phases, ["job", "decorated"]);
    let mark = report.marks.iter().find(|mark| mark.name.recorded() == "image done").unwrap();
    assert_eq!(mark.count, 5);
    let counter = |name: &str| report.samples.counters.iter().find(|it| it.name.recorded() == name).unwrap();
    assert_eq!((counter("queue").count, counter("loss").count), (5, 5));
    assert!(report.growth.cycles.iter().any(|cycle| cycle.name.recorded() == "step" && cycle.count == 5));
    assert_eq!(report.trace.oddities.len(), 0, "{:?}", report.trace.oddities);
}

/// A monitor and a profile run on a stand-in for a device: the program gets its figures, and the trace has what the driver said.
#[test]
fn figures_of_a_device_are_in_the_trace() {
    let folder = tempfile::tempdir().unwrap();
    let (script, trace) = (folder.path().join("figures.py"), folder.path().join("figures.trace"));
    fs::write(&script, FIGURES).unwrap();
    let mut command = programs::quiet(Path::new("python3"));
    command.arg(&script).env("PYTHONPATH", package());
    let Ok(output) = command.output() else { return optional::skip(Need::Python, "there is no python3") };
    let figures =
        "growth 300 increase 40\nfree 500 total 1000 active_peak 140 min_free 450 system_peak 550\n";
    assert_eq!(String::from_utf8_lossy(&output.stdout), figures, "{output:?}");
    let output = run(command.env("MEMTRACE_FILE", &trace).env("MEMTRACE_LIBRARY", programs::c_library()));
    assert_eq!(String::from_utf8_lossy(&output.stdout), figures);
    let report = memtrace_analysis::analyze(&trace).unwrap().report;
    let phases: Vec<_> = report.phases.iter().map(|phase| phase.name.recorded()).collect();
    assert_eq!(phases, ["profile run"]);
    let [monitor] = &report.samples.monitor[..] else { panic!("one device") };
    assert_eq!((monitor.min_free.map(|it| it.0), monitor.total.map(|it| it.0)), (Some(450), Some(1000)));
}

const FIGURES: &str = "
import sys, types
free = [800]
cuda = types.SimpleNamespace(
    is_available=lambda: True,
    reset_peak_memory_stats=lambda device: None,
    mem_get_info=lambda device: (free[0], 1000),
    memory_allocated=lambda device: 100,
    max_memory_allocated=lambda device: 140,
    memory_stats=lambda device: {'active_bytes.all.current': 120, 'active_bytes.all.peak': 140},
    get_device_name=lambda device: 'stand-in',
    synchronize=lambda device: None,
)
sys.modules['torch'] = types.SimpleNamespace(cuda=cuda)
import memtrace
with memtrace.profile_run() as run:
    free[0] = 500
print('growth', run.growth, 'increase', run.allocator_peak_increase)
with memtrace.monitor(polls_per_second=0) as monitor:
    free[0] = 450
    monitor.read()
    free[0] = 500
figures = monitor.figures
assert figures.reserved is None
print(*(f'{name} {getattr(figures, name)}' for name in ('free', 'total', 'active_peak', 'min_free', 'system_peak')))
";

const NOTICE: &str = "
import os, subprocess, sys, torch
print([name for name in ('LD_PRELOAD', 'MEMTRACE_RECORD', 'MEMTRACE_PYTHONPATH', 'PYTHONPATH') if name in os.environ])
print(os.environ.get('PYTHONPATH', '').split(os.sep)[-1] != 'preload', len(sys.path))
print(subprocess.run(['sh', '-c', 'echo $LD_PRELOAD $MEMTRACE_PYTHONPATH'], capture_output=True).stdout)
with torch.autograd.profiler.profile(profile_memory=True) as profile:
    x = torch.ones(1000, 1000)
    del x
print([(event.key, event.cpu_memory_usage) for event in profile.key_averages() if event.cpu_memory_usage > 0])
model = torch.nn.Linear(3, 4)
try:
    model(torch.ones(1, 7))
except RuntimeError as error:
    print('raised', str(error)[:30])
import copy, pickle
pair = torch.nn.Sequential(model, torch.nn.ReLU())
traced = torch.jit.trace(pair, torch.ones(1, 3))
print(traced(torch.ones(1, 3)).shape, len(torch.fx.symbolic_trace(pair).graph.nodes))
print(sorted(vars(pickle.loads(pickle.dumps(copy.deepcopy(pair))))) == sorted(vars(pair)), sorted(vars(pair)) == sorted(vars(torch.nn.Sequential())))
print(type(model)(3, 4).to(torch.float64).weight.dtype, torch.nn.Module.__call__.__name__)
";

const SAID: &str = "
import memtrace
@memtrace.phase('decorated')
def work():
    return 5
with memtrace.phase('job'):
    for i in range(5):
        with memtrace.step():
            memtrace.mark('image done', i)
            memtrace.counter('queue', i)
            memtrace.counter('loss', i / 2)
print(memtrace.enabled(), work())
";

fn torch_heap(report: &Report) -> &Heap {
    report.heaps.iter().find(|heap| heap.name.recorded() == "torch cpu").unwrap()
}

/// By the names of all that contain them.
fn modules_by_path(report: &Report) -> BTreeMap<String, &Module> {
    report.modules.iter().map(|module| (module.name.recorded().to_owned(), module)).collect()
}

/// A program of `tests/torch`.
fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("torch").join(name)
}

/// The Python package.
fn package() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tracer/python")
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// An interpreter that has PyTorch, and a folder.
struct Lab {
    python: &'static Path,
    folder: TempDir,
}

impl Lab {
    /// `None`: there is no such interpreter, and the test is skipped.
    fn new() -> Option<Self> {
        let python = optional::pytorch()?;
        Some(Self { python, folder: tempfile::tempdir().unwrap() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `memtrace record --torch` of Python; each sum of PyTorch's is sampled.
    fn record(&self, trace: &Path, arguments: &[&OsStr]) -> Command {
        let mut command = programs::memtrace();
        command.args(["record", "--torch", "--library"]).arg(programs::c_library());
        command.arg("--python").arg(package()).arg("-o").arg(trace).arg("--").arg(self.python);
        command.args(arguments).env("MEMTRACE_TORCH_TOTALS", "1");
        command
    }

    /// Records a program of `tests/torch` to its good end; what was recorded of it, and what it printed.
    fn record_program(&self, name: &str, arguments: &[&str]) -> (Report, String) {
        let trace = self.path(name).with_extension("trace");
        let program = program(name);
        let arguments: Vec<&OsStr> =
            [program.as_os_str()].into_iter().chain(arguments.iter().map(OsStr::new)).collect();
        let output = run(&mut self.record(&trace, &arguments));
        (memtrace_analysis::analyze(&trace).unwrap().report, String::from_utf8(output.stdout).unwrap())
    }
}
