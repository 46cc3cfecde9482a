use std::{
    env,
    ffi::CString,
    os::unix::{ffi::OsStrExt, process::CommandExt},
    process::{self, Command, Stdio},
    ptr,
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use memtrace_tracer::Name;

use crate::{
    numbering::{CHILD, CHILD_NAME, DAEMON, Number},
    stream::{self, line},
    work,
};

/// Children of fork that go on as if they recorded, and end in both ways.
pub(crate) fn forks(threads: u16, rounds: u64) {
    work::start_endless(threads);
    for round in 0..rounds {
        // SAFETY: the child calls nothing that needs a lock which another thread of its parent may have held, but for
        // the allocator's, which fork itself takes care of.
        let child = unsafe { libc::fork() };
        if child == 0 {
            speak();
            memtrace_tracer::finish();
            if round % 2 == 0 {
                process::exit(0);
            }
            // SAFETY: ending the process has no condition.
            unsafe { libc::_exit(0) };
        }
        wait_for(child);
    }
    work::note_progress(threads);
}

/// Children of the bare system call: no handler that was registered for fork runs in them.
pub(crate) fn raw_clones(threads: u16, rounds: u64) {
    work::start_endless(threads);
    for _ in 0..rounds {
        // SAFETY: without CLONE_VM the child has memory of its own; it allocates nothing and ends at once.
        let child = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
        if child == 0 {
            (1..100).for_each(|count| stream::tell(Number { stream: CHILD, count }));
            // SAFETY: as above.
            unsafe { libc::_exit(0) };
        }
        wait_for(child as libc::pid_t);
    }
    work::note_progress(threads);
}

/// What vfork does, which Rust cannot call because it returns twice: a child that shares its parent's memory, on a stack of
/// its own, and becomes another program.
pub(crate) fn vforks(threads: u16, rounds: u64) {
    extern "C" fn become_another(program: *mut libc::c_void) -> libc::c_int {
        let program = program.cast::<libc::c_char>().cast_const();
        let arguments =
            [program, c"nothing".as_ptr(), c"-".as_ptr(), c"0".as_ptr(), c"0".as_ptr(), ptr::null()];
        // SAFETY: all are strings that end with zero, and the lists of arguments and variables end with null.
        unsafe {
            libc::execve(program, arguments.as_ptr(), [ptr::null()].as_ptr());
            libc::_exit(127)
        }
    }
    work::start_endless(threads);
    let program = env::current_exe().expect("it has a name");
    let program = CString::new(program.as_os_str().as_bytes()).expect("a path has no zero");
    let mut stack = vec![0_u128; 16 << 10];
    for _ in 0..rounds {
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        // SAFETY: the stack is the child's alone, and this thread stands still until the child has another program.
        let child = unsafe {
            let top = stack.as_mut_ptr_range().end;
            libc::clone(become_another, top.cast(), flags, program.as_ptr().cast_mut().cast())
        };
        wait_for(child);
    }
    work::note_progress(threads);
}

/// Children of posix_spawn. They record into a file of their own.
pub(crate) fn spawns(threads: u16, rounds: u64) {
    work::start_endless(threads);
    for _ in 0..rounds {
        assert!(this_program("none").stdout(Stdio::null()).status().expect("it starts").success());
    }
    work::note_progress(threads);
}

/// Becomes another program, which does as `hazard` says, while all threads record.
pub(crate) fn exec(threads: u16, hazard: &str) {
    work::start_endless(threads);
    thread::sleep(Duration::from_millis(30));
    panic!("{}", this_program(hazard).exec());
}

/// Leaves a daemon behind and ends.
pub(crate) fn daemonise(threads: u16, events: u64) {
    work::start_endless(threads);
    // SAFETY: as in `forks`, for both.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: as above; the three standard descriptors are this process's own.
        unsafe {
            libc::setsid();
            if libc::fork() != 0 {
                libc::_exit(0);
            }
            (0..3).for_each(|descriptor| _ = libc::close(descriptor));
            line(DAEMON).store(u64::from(process::id()), Ordering::Release);
            // The test ends the daemon; the limit is for a test that has died.
            let born = Instant::now();
            while born.elapsed() < Duration::from_secs(120) {
                speak();
                thread::sleep(Duration::from_millis(1));
            }
            libc::_exit(0);
        }
    }
    wait_for(child);
    while line(DAEMON).load(Ordering::Acquire) == 0 {
        thread::yield_now();
    }
    println!("{:016x}", work::record_on_this_thread(threads, events));
    work::note_progress(threads);
}

/// Everything that a process which records may do.
fn speak() {
    let name = Name::intern(CHILD_NAME);
    for count in 1..100 {
        let _scope = name.scope();
        stream::tell(Number { stream: CHILD, count });
    }
    let thread = thread::spawn(|| stream::tell(Number { stream: CHILD, count: 100 }));
    thread.join().expect("it ends");
}

fn this_program(hazard: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("it has a name"));
    command.args([hazard, "-", "1", "100"]);
    command
}

/// Waits until the child has ended. One that hangs is ended and named.
pub(crate) fn wait_for(child: libc::pid_t) {
    assert!(child > 0, "no child can be made");
    let begin = Instant::now();
    let mut status = 0;
    // SAFETY: `status` is a valid place to write to, and the child is this process's own.
    while unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } == 0 {
        if begin.elapsed() > Duration::from_secs(30) {
            // SAFETY: as above; it has not been waited for, so its id is still its own.
            unsafe { libc::kill(child, libc::SIGKILL) };
            fail(&format!("child {child} hangs"));
        }
        thread::sleep(Duration::from_micros(200));
    }
    if status != 0 {
        fail(&format!("child {child} ended with status {status:#x}"));
    }
}

/// Ends the program at once, whatever its threads wait for.
fn fail(reason: &str) -> ! {
    eprintln!("{reason}");
    process::exit(9);
}
