use std::{fs, os::unix::process::ExitStatusExt, path::Path, process::Command};

use super::{Lab, bystander, outcome};
use crate::optional::{self, Need};

/// Runs what cuts the log it is recorded into: the recording ends with a line, and nothing else does.
fn assert_lives_when_the_log_is_cut(program: &Path, arguments: &[&str]) {
    let lab = Lab::new();
    let log = lab.path("run.trace");
    let with_log = |log: &str| [arguments, &[log]].concat().iter().map(|&s| s.to_owned()).collect::<Vec<_>>();
    let run = |recorded: bool| {
        let arguments = with_log(if recorded { log.to_str().unwrap() } else { "" });
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        outcome(if recorded { lab.recorded(program, &arguments) } else { lab.untraced(program, &arguments) })
    };
    let untraced = run(false);
    let recorded = run(true);
    let line = recorded.assert_unchanged(&untraced);
    assert!(line.contains("recording stops") && line.contains("shorter"), "{arguments:?}: {line}");
    assert_eq!(fs::metadata(&log).unwrap().len(), 0, "what was cut stays so");
}

#[test]
fn a_log_that_is_cut_ends_the_recording_and_not_the_program() {
    assert_lives_when_the_log_is_cut(bystander(), &["cut"]);
}

#[test]
fn so_it_does_for_threads_that_hold_signals_back() {
    assert_lives_when_the_log_is_cut(bystander(), &["cut-with-signals-held-back"]);
}

#[test]
fn a_handler_of_the_programs_own_gets_its_own_faults_and_no_others() {
    for handler in [
        "cut-with-handler",
        "cut-with-handler-on-its-stack",
        "cut-with-handler-that-passes-on",
        "cut-without-a-handler-again",
    ] {
        assert_lives_when_the_log_is_cut(bystander(), &[handler]);
    }
}

#[test]
fn faults_that_are_none_of_the_logs_are_the_programs() {
    for fault in ["own-fault", "own-fault-once", "sent", "sent-and-ignored", "sent-and-waited-for"] {
        let lab = Lab::new();
        let untraced = outcome(lab.untraced(bystander(), &[fault]));
        assert_eq!(outcome(lab.recorded(bystander(), &[fault])).assert_unchanged(&untraced), "", "{fault}");
    }
}

/// Whether there is such a program here; says so if not.
fn is_here(program: &str) -> bool {
    let here = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !here {
        optional::skip(Need::Languages, format_args!("there is no {program}"));
    }
    here
}

const PYTHON: &str = "
import os, sys, threading, time
def work(blocks):
    for _ in range(blocks): bytearray(1 << 16)
def on_threads():
    threads = [threading.Thread(target=work, args=(2000,)) for _ in range(3)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
on_threads()
time.sleep(1.5)
work(1000)
if sys.argv[1]: os.truncate(sys.argv[1], 0)
work(5000)
on_threads()
print('went on')
";

#[test]
fn python_lives_with_its_fault_handler_and_without() {
    if is_here("python3") {
        let python = Path::new("python3");
        assert_lives_when_the_log_is_cut(python, &["-c", PYTHON]);
        assert_lives_when_the_log_is_cut(python, &["-X", "faulthandler", "-c", PYTHON]);
    }
}

#[test]
fn pythons_fault_handler_tells_of_pythons_faults() {
    const FAULT: &str = "
import mmap, tempfile, time
time.sleep(1.5)
file = tempfile.TemporaryFile()
file.truncate(4096)
page = mmap.mmap(file.fileno(), 4096)
file.truncate(0)
page[0] = 1
";
    if is_here("python3") {
        let lab = Lab::new();
        let arguments = ["-X", "faulthandler", "-c", FAULT];
        for command in [lab.untraced("python3", &arguments), lab.recorded("python3", &arguments)] {
            let outcome = outcome(command);
            assert_eq!(outcome.status.signal(), Some(libc::SIGBUS), "{outcome:?}");
            assert!(outcome.stderr.contains("Fatal Python error: Bus error"), "{outcome:?}");
        }
    }
}

/// Cuts the log, and a file that it has mapped itself: the machine tells Java of that by an exception.
const JAVA: &str = r#"
import java.io.*; import java.nio.*; import java.nio.channels.*; import java.nio.file.*; import java.util.zip.*;
public class Cut {
    static void work(int rounds) { for (int i = 0; i < rounds; i++) new Deflater().end(); }
    public static void main(String[] arguments) throws Exception {
        work(2000); Thread.sleep(1500); work(1000);
        if (!arguments[0].isEmpty())
            try (FileChannel log = FileChannel.open(Path.of(arguments[0]), StandardOpenOption.WRITE)) { log.truncate(0); }
        Thread[] threads = new Thread[4];
        for (int i = 0; i < 4; i++) { threads[i] = new Thread(() -> work(3000)); threads[i].start(); }
        for (Thread thread : threads) thread.join();
        File file = File.createTempFile("cut", null); file.deleteOnExit();
        RandomAccessFile own = new RandomAccessFile(file, "rw"); own.setLength(1 << 20);
        MappedByteBuffer map = own.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, 1 << 20);
        own.setLength(0);
        // The machine tells of it at the next call.
        try { map.put(5000, (byte) 1); System.out.println("not told"); }
        catch (InternalError error) { System.out.println("told of its own"); }
        System.out.println("went on");
    }
}
"#;

#[test]
fn java_lives_and_is_told_of_its_own_faults() {
    if is_here("java") {
        let lab = Lab::new();
        let source = lab.path("Cut.java");
        fs::write(&source, JAVA).unwrap();
        assert_lives_when_the_log_is_cut(Path::new("java"), &["-Xmx128m", source.to_str().unwrap()]);
    }
}

/// As above, for Go with C in it: the others are linked statically, and not recorded.
const GO: &str = r#"package main
/*
#include <stdlib.h>
static void work(int rounds) { for (int i = 0; i < rounds; i++) { volatile char *p = malloc(16384); p[0] = 1; free((void *)p); } }
*/
import "C"
import ("fmt"; "os"; "runtime/debug"; "sync"; "syscall"; "time")
func work(rounds int) { C.work(C.int(rounds)) }
func own() (told bool) {
	debug.SetPanicOnFault(true)
	defer func() { told = recover() != nil }()
	file, _ := os.CreateTemp("", "cut")
	os.Remove(file.Name())
	file.Truncate(4096)
	page, _ := syscall.Mmap(int(file.Fd()), 0, 4096, 3, 1)
	file.Truncate(0)
	page[0] = 1
	return
}
func main() {
	work(2000)
	time.Sleep(1500 * time.Millisecond)
	work(1000)
	if os.Args[1] != "" { os.Truncate(os.Args[1], 0) }
	var all sync.WaitGroup
	for i := 0; i < 4; i++ { all.Add(1); go func() { work(5000); all.Done() }() }
	all.Wait()
	fmt.Println("told of its own", own())
	// Go ends without handlers, and the tracer says at leisure what it has to say.
	time.Sleep(500 * time.Millisecond)
	fmt.Println("went on")
}
"#;

#[test]
fn go_lives_and_is_told_of_its_own_faults() {
    if !Command::new("go").arg("version").output().is_ok_and(|output| output.status.success()) {
        return optional::skip(Need::Languages, "there is no Go");
    }
    let lab = Lab::new();
    let (source, program) = (lab.path("cut.go"), lab.path("cut"));
    fs::write(&source, GO).unwrap();
    let mut build = Command::new("go");
    build.arg("build").arg("-o").arg(&program).arg(&source).env("CGO_ENABLED", "1");
    assert!(build.status().unwrap().success());
    assert_lives_when_the_log_is_cut(&program, &[]);
}
