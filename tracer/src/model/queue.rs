use loom::{sync::Arc, thread};

use super::every_order;
use crate::log::Queue;

/// Loom sees a number that two threads read or that is read before it was written.
fn drain(queue: &Queue<u32>) -> Vec<u32> {
    std::iter::from_fn(|| queue.pop()).collect()
}

#[test]
fn each_element_comes_out_once_of_a_queue_with_two_producers() {
    every_order(3, || {
        let queue = Arc::new(Queue::new(2));
        let producers = [1, 3].map(|first| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                (first..first + 2).filter(|&element| queue.push(element).is_ok()).collect::<Vec<u32>>()
            })
        });
        let mut out = drain(&queue);
        let into: Vec<u32> = producers.into_iter().flat_map(|producer| producer.join().unwrap()).collect();
        out.extend(drain(&queue));
        // Those of one producer come out in its order.
        for of in [1..3, 3..5] {
            assert!(out.iter().filter(|&&element| of.contains(&element)).is_sorted());
        }
        out.sort_unstable();
        assert_eq!(out, into);
    });
}

#[test]
fn each_element_comes_out_once_of_a_queue_with_two_consumers() {
    every_order(3, || {
        let queue = Arc::new(Queue::new(2));
        let consumers = [(); 2].map(|()| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || (0..2).filter_map(|_| queue.pop()).collect::<Vec<u32>>())
        });
        let into: Vec<u32> = (1..=3).filter(|&element| queue.push(element).is_ok()).collect();
        let mut out: Vec<u32> = consumers.into_iter().flat_map(|consumer| consumer.join().unwrap()).collect();
        out.extend(drain(&queue));
        out.sort_unstable();
        assert_eq!(out, into);
    });
}

#[test]
fn a_queue_used_lap_after_lap_keeps_its_elements_apart() {
    every_order(3, || {
        let queue = Arc::new(Queue::new(2));
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                (1..=4).filter(|&element| queue.push(element).is_ok()).collect::<Vec<u32>>()
            })
        };
        let mut out: Vec<u32> = (0..3).filter_map(|_| queue.pop()).collect();
        let into = producer.join().unwrap();
        out.extend(drain(&queue));
        assert_eq!(out, into);
    });
}
