use loom::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use super::every_order;
use crate::log::{Bell, Queue};

#[test]
fn the_helper_sees_the_chunk_that_was_taken_or_is_woken() {
    every_order(4, || {
        let log = Arc::new((Queue::new(2), Bell::new()));
        log.0.push(1).unwrap();
        log.0.push(2).unwrap();
        let takers = [(); 2].map(|()| {
            let log = Arc::clone(&log);
            thread::spawn(move || {
                let (ready, bell) = &*log;
                ready.pop().unwrap();
                bell.ring();
            })
        });
        let (ready, bell) = &*log;
        bell.listen();
        let would_sleep = ready.len() == 2;
        takers.into_iter().for_each(|taker| taker.join().unwrap());
        let still_listening = bell.wake_up();
        assert!(!(would_sleep && still_listening), "it sleeps, and nobody rang");
    });
}

#[test]
fn the_helper_sees_the_end_or_is_woken_however_it_sleeps() {
    for sleep in [Bell::nap, Bell::listen] {
        every_order(4, move || {
            let log = Arc::new((AtomicBool::new(false), Bell::new()));
            let end = {
                let log = Arc::clone(&log);
                thread::spawn(move || {
                    // As in `Helper::finish`.
                    log.0.store(true, Ordering::Release);
                    log.1.ring_for_the_end();
                })
            };
            let (stop, bell) = &*log;
            sleep(bell);
            let would_sleep = !stop.load(Ordering::Relaxed);
            end.join().unwrap();
            assert!(!(would_sleep && bell.wake_up()), "it sleeps, and nobody rang");
        });
    }
}
