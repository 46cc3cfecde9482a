//! A thread that answers a view's latest question, so that no frame waits for what takes long.

use std::{
    any::Any,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver},
    },
    time::{Duration, Instant},
};

use memtrace_analysis::{Progress, Text};

use super::{thread::spawn, wake::Wake};

/// The least time between two frames that show a worker's progress.
const TOLD_EVERY: Duration = Duration::from_millis(30);

/// Asks, and takes what was answered. A question that was not begun with when the next one comes is never answered.
#[derive(Debug)]
pub(crate) struct Worker<Q, A> {
    desk: Arc<Mailbox<Q>>,
    answers: Receiver<Result<A, String>>,
}

/// The mailbox between a view and its worker: the next question, and the progress of the current one.
#[derive(Debug)]
pub(crate) struct Mailbox<Q> {
    next: Mutex<Next<Q>>,
    changed: Condvar,
    wake: Wake,
}

#[derive(Debug)]
struct Next<Q> {
    question: Option<Q>,
    closed: bool,
    so_far: u64,
    told: Instant,
}

impl<Q: Send + 'static, A: Send + 'static> Worker<Q, A> {
    /// Starts a thread that answers by `answer`: `None` when it was [overtaken](Mailbox::is_overtaken). What it says when it
    /// panics is an answer too, for nobody shall wait for ever.
    pub(crate) fn new<E: ToString>(
        name: &str,
        wake: Wake,
        mut answer: impl FnMut(Q, &Mailbox<Q>) -> Option<Result<A, E>> + Send + 'static,
    ) -> Self {
        let next = Next { question: None, closed: false, so_far: 0, told: Instant::now() };
        let desk = Arc::new(Mailbox { next: Mutex::new(next), changed: Condvar::new(), wake });
        let (sender, answers) = mpsc::channel();
        let there = Arc::clone(&desk);
        spawn(name, move || {
            ANSWERS.set(true);
            while let Some(question) = there.wait() {
                let answered = catch_unwind(AssertUnwindSafe(|| answer(question, &there)));
                let answer = match answered {
                    Ok(None) => continue,
                    Ok(Some(answer)) => answer.map_err(|error| Text::new(error.to_string()).to_string()),
                    Err(panic) => Err(words_of(panic.as_ref())),
                };
                if sender.send(answer).is_err() {
                    return;
                }
                there.wake.wake();
            }
        });
        Self { desk, answers }
    }

    /// Asks this in place of what was asked before.
    pub(crate) fn ask(&mut self, question: Q) {
        let mut next = self.desk.lock();
        (next.question, next.so_far) = (Some(question), 0);
        drop(next);
        self.desk.changed.notify_one();
    }

    /// Returns the answers since the last call, in order; an error says why there is none.
    pub(crate) fn answers(&mut self) -> impl Iterator<Item = Result<A, String>> + '_ {
        self.answers.try_iter()
    }

    /// Returns the progress of the answer, in the unit that the worker [reports](Mailbox::tell).
    pub(crate) fn so_far(&self) -> u64 {
        self.desk.lock().so_far
    }

    /// Waits for the next answer.
    #[cfg(test)]
    pub(crate) fn wait(&mut self) -> Result<A, String> {
        self.answers.recv_timeout(Duration::from_secs(60)).expect("what was asked is answered")
    }
}

impl<Q> Mailbox<Q> {
    /// Returns true if nobody waits any more for the current question.
    pub(crate) fn is_overtaken(&self) -> bool {
        self.lock().is_overtaken()
    }

    /// Says how far the answer is. False: it is [overtaken](Self::is_overtaken).
    pub(crate) fn tell(&self, so_far: u64) -> bool {
        let mut next = self.lock();
        next.so_far = so_far;
        let (goes_on, is_news) = (!next.is_overtaken(), next.told.elapsed() >= TOLD_EVERY);
        if is_news {
            next.told = Instant::now();
        }
        drop(next);
        if is_news && goes_on {
            self.wake.wake();
        }
        goes_on
    }

    /// Says how far a passage through the trace is, in percent; as [`Self::tell`].
    pub(crate) fn tell_part(&self, Progress { done, total }: Progress) -> bool {
        self.tell(done.0.saturating_mul(100) / total.0.max(1))
    }

    fn wait(&self) -> Option<Q> {
        let mut next = self.lock();
        loop {
            if next.closed {
                return None;
            }
            if let Some(question) = next.question.take() {
                return Some(question);
            }
            next = self.changed.wait(next).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Next<Q>> {
        // What lies there is whole between any two statements.
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Q> Next<Q> {
    fn is_overtaken(&self) -> bool {
        self.closed || self.question.is_some()
    }
}

impl<Q, A> Drop for Worker<Q, A> {
    fn drop(&mut self) {
        self.desk.lock().closed = true;
        self.desk.changed.notify_one();
    }
}

thread_local! {
    /// True on a worker's thread.
    static ANSWERS: Cell<bool> = const { Cell::new(false) };
}

/// Returns true if a panic on this thread becomes an answer, so that the UI goes on.
pub(crate) fn answers_panics() -> bool {
    ANSWERS.get()
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
    format!("a mistake of the analyzer: {}", Text::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_question_is_answered_and_what_it_overtook_is_not() {
        let (begun, begins) = mpsc::channel();
        let mut worker = Worker::new("test", Wake::default(), move |question: u32, desk| {
            begun.send(question).unwrap();
            if question == 1 {
                while desk.tell(50) {
                    std::thread::yield_now();
                }
                return None;
            }
            Some(Ok::<_, String>(question * 10))
        });
        worker.ask(1);
        assert_eq!(begins.recv().unwrap(), 1);
        worker.ask(2);
        assert_eq!(worker.wait(), Ok(20));
        assert_eq!(worker.answers().count(), 0);
        drop(worker);
        assert_eq!(begins.iter().collect::<Vec<_>>(), [2], "and then the thread ends");
    }

    #[test]
    fn a_panic_is_an_answer_and_the_next_question_another() {
        let answer = |question: u32, desk: &Mailbox<u32>| {
            desk.tell(7);
            assert_ne!(question, 1, "not this one");
            Some(Ok::<_, String>(question))
        };
        let mut worker = Worker::new("test", Wake::default(), answer);
        worker.ask(1);
        let said = worker.wait().unwrap_err();
        assert!(said.starts_with("a mistake of the analyzer: ") && said.contains("not this one"), "{said}");
        assert_eq!(worker.so_far(), 7);
        worker.ask(2);
        assert_eq!(worker.wait(), Ok(2));
    }
}
