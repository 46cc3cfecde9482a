use std::{
    ffi::OsStr,
    fs,
    io::Read as _,
    os::unix::{
        fs::PermissionsExt as _,
        process::{CommandExt as _, ExitStatusExt as _},
    },
    process::{Output, Stdio},
};

use super::{Lab, heap};
use crate::programs;

/// The program's status is the command's; 128 + n where signal n ended it, as shells have it.
#[test]
fn the_status_is_the_programs() {
    let lab = Lab::new();
    for (number, (script, status)) in
        [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 137), ("kill -SEGV $$", 139)].into_iter().enumerate()
    {
        let trace = format!("{number}.trace");
        let output = lab.record(&["-o", &trace], &["sh", "-c", script].map(OsStr::new)).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{script}: {output:?}");
        assert!(said(&output).contains(&format!("recorded into {trace}")), "{}", said(&output));
        assert_eq!(output.stdout, b"", "the program's output is its own");
    }
}

/// A signal that is sent to the command comes to the program, and what it recorded before is there.
#[test]
fn signals_go_on_to_the_program() {
    let lab = Lab::new();
    let program = lab.compile("endings", &[]);
    // What whoever started the command ignores (`nohup`, a shell in the background) comes to a program that has a handler.
    let ignored = [(libc::SIGINT, libc::SIG_IGN), (libc::SIGHUP, libc::SIG_IGN)];
    let signals =
        [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGUSR1].map(|signal| (signal, libc::SIG_DFL));
    for (signal, before) in signals.into_iter().chain(ignored) {
        let trace = format!("{signal}.{before}.trace");
        let number = signal.to_string();
        let mut record = lab.record(&["-o", &trace], &[program.as_os_str(), OsStr::new(&number)]);
        // Whoever runs the tests may have them ignore it.
        // SAFETY: it calls nothing but `signal`, which may be called between a fork and an exec.
        unsafe {
            record.pre_exec(move || {
                libc::signal(signal, before);
                Ok(())
            })
        };
        let mut recording = record.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut ready = [0; 6];
        recording.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
        send(recording.id(), signal);
        let status = recording.wait().unwrap();
        assert_eq!(status.code(), Some(signal), "{status:?}");
        assert_eq!(heap(&lab.report(&trace), "host").end.allocated_bytes.0, 1 << 16);
    }
}

/// A program that stops is not ended, and goes on when it is told to.
#[test]
fn a_program_can_be_stopped_and_continued() {
    let lab = Lab::new();
    let program = lab.compile("endings", &[]);
    let number = libc::SIGTERM.to_string();
    let mut record = lab.record(&["-o", "run.trace"], &[program.as_os_str(), OsStr::new(&number)]);
    let mut recording = record.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    recording.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
    for signal in [libc::SIGTSTP, libc::SIGCONT, libc::SIGTERM] {
        send(recording.id(), signal);
        if signal == libc::SIGTSTP {
            wait_until_stopped(recording.id());
        }
    }
    assert_eq!(recording.wait().unwrap().code(), Some(libc::SIGTERM));
}

/// What cannot be recorded is said, with what to do, and with the statuses of shells where there is nothing to run.
#[test]
fn what_cannot_be_recorded_is_said() {
    let lab = Lab::new();
    let fixed = lab.compile("endings", &["-static"]);
    let text = |name: &str, content: &[u8], mode: u32| {
        let path = lab.path(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    let musl = lab.compile_as("musl", "endings", &["-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1"]);
    let elf_of_32_bits = [b"\x7fELF\x01\x01\x01".as_slice(), &[0; 57]].concat();
    let raised = text("raised", &fs::read("/bin/true").unwrap(), 0o4755);
    for (program, status, message) in [
        (fixed, 2, "linked statically"),
        (musl, 2, "another C library than glibc"),
        (raised, 2, "setuid"),
        (text("other", &elf_of_32_bits, 0o755), 2, "another kind of processor"),
        (text("script", b"echo no interpreter\n", 0o755), 2, "neither a program nor a script"),
        (text("data", b"", 0o644), 126, "cannot be run"),
        (lab.path("nothing"), 127, "cannot be run"),
    ] {
        let output = lab.record(&[], &[program.as_os_str()]).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{program:?}: {output:?}");
        assert!(said(&output).contains(message), "{}", said(&output));
        assert!(status != 2 || said(&output).contains("try: "), "{}", said(&output));
    }
    assert_eq!(lab.traces(), [""; 0], "nothing was begun");

    let mut record = programs::memtrace();
    let output =
        record.args(["record", "--library", "/nowhere/libmemtrace.so", "--", "true"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("/nowhere/libmemtrace.so"), "{}", said(&output));
}

/// Where no trace can be made, one line says so and another what to do, and nothing is run.
#[test]
fn a_folder_that_takes_no_trace_is_said_at_once() {
    let lab = Lab::new();
    for folder in ["/proc", "missing"] {
        let trace = format!("{folder}/run.trace");
        let output = lab.record(&["-o", &trace], &["touch", "run"].map(OsStr::new)).output().unwrap();
        assert_eq!(output.status.code(), Some(4), "{output:?}");
        let said = said(&output);
        assert!(said.contains("no trace can be made in") && said.contains("try: -o"), "{said}");
        assert_eq!(said.lines().count(), 2, "{said}");
        assert!(!lab.path("run").exists());
    }
}

/// Recordings of one program in one folder at one time: each tells its own trace and no other's.
#[test]
fn recordings_at_one_time_tell_their_own_traces() {
    let lab = Lab::new();
    for follow in [&[][..], &["--follow"]] {
        let script = ["sh", "-c", "echo $$; sleep 0.2; exit 0"].map(OsStr::new);
        let start =
            |_| lab.record(follow, &script).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let running: Vec<_> = (0..12).map(start).collect();
        for recording in running {
            let output = recording.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            let process = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            let said = said(&output);
            let first = format!("into sh.{process}.trace");
            assert!(said.lines().next().unwrap().ends_with(&first), "{process}: {said}");
            // Followed, the sleep has one of its own.
            let traces = if follow.is_empty() { 1 } else { 2 };
            assert_eq!(said.matches(".trace").count(), 1 + traces, "{said}");
        }
    }
}

/// A trace that exists is not written to.
#[test]
fn a_trace_takes_nobodys_place() {
    let lab = Lab::new();
    fs::write(lab.path("run.trace"), "mine").unwrap();
    let output = lab.record(&["-o", "run.trace"], &[OsStr::new("true")]).output().unwrap();
    assert_eq!((output.status.code(), output.status.signal()), (Some(2), None));
    assert_eq!(fs::read(lab.path("run.trace")).unwrap(), b"mine");
}

/// With `--analyze` the report follows; the status stays the program's.
#[test]
fn the_report_can_follow_at_once() {
    let lab = Lab::new();
    let command = ["sh", "-c", "exit 3"].map(OsStr::new);
    let output = lab.record(&["--analyze"], &command).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(report.contains("FINDINGS") && report.contains("engine"), "{report}");
    let [trace] = &lab.traces()[..] else { panic!("{:?}", lab.traces()) };
    assert!(trace.to_str().unwrap().starts_with("sh."), "named after the program: {trace:?}");
}

/// What else is preloaded stays, behind the library; a sanitizer stays before it, and both are named.
#[test]
fn other_preloaded_libraries_stay() {
    let lab = Lab::new();
    let other = programs::other_library();
    let mut record = lab.record(&["-o", "run.trace"], &["sh", "-c", "echo $LD_PRELOAD"].map(OsStr::new));
    let output = record.env("LD_PRELOAD", other).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), other.to_str().unwrap());
    assert!(said(&output).contains("is preloaded too"), "{}", said(&output));

    let guarded = lab.compile("endings", &["-fsanitize=address"]);
    let output = lab.record(&["-o", "guarded.trace"], &[guarded.as_os_str()]).output().unwrap();
    assert_eq!(output.status.code(), Some(99), "{output:?}");
    assert!(said(&output).contains("host memory is not recorded"), "{}", said(&output));
}

/// Memory that a program's own allocator hands out is not seen, and that is said: a sanitizer's that is built in, or any other.
#[test]
fn an_allocator_that_is_built_in_is_named() {
    let lab = Lab::new();
    let plain = lab.compile("endings", &[]);
    let own = lab.compile("own_malloc", &[]);
    let sanitized = lab.compile_as("sanitized", "endings", &["-fsanitize=address", "-static-libasan"]);
    for (program, is_missing) in [(plain, false), (own, true), (sanitized, true)] {
        let output = lab.record(&[], &[program.as_os_str()]).output().unwrap();
        assert_eq!(
            said(&output).contains("an allocator of its own built in"),
            is_missing,
            "{}",
            said(&output)
        );
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Waits until the kernel says that a process is stopped.
fn wait_until_stopped(process: u32) {
    while !fs::read_to_string(format!("/proc/{process}/stat")).unwrap().contains(") T ") {
        std::thread::yield_now();
    }
}

fn send(process: u32, signal: i32) {
    // SAFETY: it has no memory arguments. The process has not been waited for, so the id is its own.
    assert_eq!(unsafe { libc::kill(process.cast_signed(), signal) }, 0);
}

/// Where programs can be recorded, the doctor says so and ends with 0; where they cannot, with 1 and what to try.
#[test]
fn the_doctor_tries_it() {
    let doctor = |library: &std::path::Path| {
        programs::memtrace().args(["doctor", "--library"]).arg(library).output().unwrap()
    };
    let output = doctor(programs::c_library());
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    for line in [
        "OK    recording: `true` was recorded",
        "OK    machine: ",
        "clock: ",
        "disk: ",
        "CUDA driver: ",
        "NVML: ",
        "Python stacks: ",
        "PyTorch: ",
        "recorded here: ",
        "host memory, in blocks from 4 KiB on",
        "OK    versions: memtrace ",
        "names: ",
        "\nnext: memtrace record ",
    ] {
        assert!(said.contains(line), "{said}");
    }
    assert!(!said.contains("WARN  Python stacks"), "{said}");
    assert!(said.lines().count() <= 24, "it is one screen: {said}");
    // Where there is a PyTorch, it is recorded.
    assert_eq!(
        said.contains("OK    PyTorch: "),
        said.contains("OK    PyTorch recording: 2 s of PyTorch "),
        "{said}"
    );
    // A library that is none of ours is loaded, and records nothing.
    for library in [programs::other_library(), std::path::Path::new("/nowhere.so")] {
        let output = doctor(library);
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("FAIL") && said.contains("try: "), "{said}");
    }
}

/// A package of somebody else's that is called memtrace stands in the way of the program's own `import memtrace`.
#[test]
fn the_doctor_names_another_package_of_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("memtrace/__init__.py");
    fs::create_dir(module.parent().unwrap()).unwrap();
    fs::write(&module, "").unwrap();
    let mut doctor = programs::memtrace();
    doctor.args(["doctor", "--library"]).arg(programs::c_library()).env("PYTHONPATH", folder.path());
    let said = String::from_utf8(doctor.output().unwrap().stdout).unwrap();
    let expected = format!("WARN  names: `import memtrace` runs {}", module.display());
    assert!(said.contains(&expected), "{said}");
}

/// Python takes a folder that is called torch for a package, if it finds no other; the doctor does not.
#[test]
fn the_doctor_takes_no_folder_for_pytorch() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("torch")).unwrap();
    let mut doctor = programs::memtrace();
    doctor.args(["doctor", "--library"]).arg(programs::c_library()).current_dir(folder.path());
    let said = String::from_utf8(doctor.output().unwrap().stdout).unwrap();
    assert!(said.contains("PyTorch: "), "{said}");
    assert!(!said.contains(folder.path().to_str().unwrap()), "{said}");
}
