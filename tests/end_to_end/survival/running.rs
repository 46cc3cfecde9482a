use std::{
    io::Read,
    os::unix::process::ExitStatusExt,
    process::{Child, ExitStatus},
    thread,
    time::{Duration, Instant},
};

/// Longer than anything here takes on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits, but not for ever, until `done`.
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// How a run ended, and what it said.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A run that goes on. It is ended when this is dropped.
pub(crate) struct Running {
    child: Child,
}

impl From<Child> for Running {
    fn from(child: Child) -> Self {
        Self { child }
    }
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn kill(mut self) -> Outcome {
        self.child.kill().unwrap();
        let outcome = self.outcome();
        assert_eq!(outcome.status.signal(), Some(libc::SIGKILL), "{outcome:?}");
        outcome
    }

    /// Waits for the end, but not for ever.
    pub(crate) fn outcome(mut self) -> Outcome {
        let stdout = read_aside(self.child.stdout.take());
        let stderr = read_aside(self.child.stderr.take());
        let mut status = None;
        wait_until("the program ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        // Somebody to whom it left its pipes may still have them.
        wait_until("the program's pipes are closed", || stdout.is_finished() && stderr.is_finished());
        let status = status.expect("it has ended");
        Outcome { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, unless the test fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_aside(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        pipe.map(|mut pipe| pipe.read_to_string(&mut text));
        text
    })
}

impl Outcome {
    /// Asserts that nobody could tell this run from `untraced` but by one line on stderr, which is returned.
    pub(crate) fn assert_unchanged(&self, untraced: &Self) -> &str {
        assert_eq!((self.status, &self.stdout), (untraced.status, &untraced.stdout), "{self:?}");
        assert!(self.stderr.lines().count() <= 1, "{self:?}");
        let line = self.stderr.trim_end();
        assert!(line.is_empty() || line.starts_with("memtrace:"), "{self:?}");
        line
    }
}
