//! A thread that answers a view's latest question, so that no frame waits for a file.

use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError,
    mpsc::{self, Receiver},
};

use super::{spawn, wake::Wake};

/// Asks, and takes what was answered. A question that was not begun with when the next one comes is never answered.
#[derive(Debug)]
pub(crate) struct Worker<Q, A> {
    desk: Arc<Desk<Q>>,
    answers: Receiver<A>,
}

/// Where the next question lies.
#[derive(Debug)]
pub(crate) struct Desk<Q> {
    next: Mutex<Next<Q>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Next<Q> {
    question: Option<Q>,
    closed: bool,
}

impl<Q: Send + 'static, A: Send + 'static> Worker<Q, A> {
    /// Starts a thread that answers by `answer`: `None` when it was [overtaken](Desk::is_overtaken).
    pub(crate) fn new(
        name: &str,
        wake: Wake,
        mut answer: impl FnMut(Q, &Desk<Q>) -> Option<A> + Send + 'static,
    ) -> Self {
        let next = Mutex::new(Next { question: None, closed: false });
        let desk = Arc::new(Desk { next, changed: Condvar::new() });
        let (sender, answers) = mpsc::channel();
        let there = Arc::clone(&desk);
        spawn(name, move || {
            while let Some(question) = there.wait() {
                let Some(answer) = answer(question, &there) else { continue };
                if sender.send(answer).is_err() {
                    return;
                }
                wake.wake();
            }
        });
        Self { desk, answers }
    }

    /// Asks this in place of what was asked before.
    pub(crate) fn ask(&mut self, question: Q) {
        self.desk.lock().question = Some(question);
        self.desk.changed.notify_one();
    }

    /// What was answered since this was called last, in order.
    pub(crate) fn answers(&mut self) -> impl Iterator<Item = A> + '_ {
        self.answers.try_iter()
    }

    /// Waits for the next answer.
    #[cfg(test)]
    pub(crate) fn wait(&mut self) -> A {
        self.answers.recv_timeout(std::time::Duration::from_secs(60)).expect("what was asked is answered")
    }
}

impl<Q> Desk<Q> {
    /// Whether nobody waits any more for the question that is being answered.
    pub(crate) fn is_overtaken(&self) -> bool {
        let next = self.lock();
        next.closed || next.question.is_some()
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
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Q, A> Drop for Worker<Q, A> {
    fn drop(&mut self) {
        self.desk.lock().closed = true;
        self.desk.changed.notify_one();
    }
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
                while !desk.is_overtaken() {
                    std::thread::yield_now();
                }
                return None;
            }
            Some(question * 10)
        });
        worker.ask(1);
        assert_eq!(begins.recv().unwrap(), 1);
        worker.ask(2);
        assert_eq!(worker.wait(), 20);
        assert_eq!(worker.answers().count(), 0);
        drop(worker);
        assert_eq!(begins.iter().collect::<Vec<_>>(), [2], "and then the thread ends");
    }
}
