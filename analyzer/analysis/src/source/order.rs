//! Corrections to the order that a log's stamps give its events. The merge finds them, and reads those events with other times.

use memtrace_format::{Kind, Record, Ticks};

/// The events of a trace that happened later than their stamps say, and with them what their threads did next.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// By the indices of the threads; none at all if every stamp is right.
    threads: Vec<Vec<Hold>>,
}

/// A record that counts as made at another time than it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) chunk: u32,
    /// The place behind the record and its extension.
    pub(crate) behind: u32,
    pub(crate) until: Ticks,
}

impl Order {
    /// Of these holds of each thread, each thread's in its order.
    pub(crate) fn of(threads: Vec<Vec<Hold>>) -> Self {
        Self { threads }
    }

    /// Whether the stamps are in the order of the events.
    pub(crate) fn is_as_stamped(&self) -> bool {
        self.threads.is_empty()
    }

    /// Sets the times of these records of a thread's chunk so that they are in order.
    pub(crate) fn put(&self, thread: usize, chunk: usize, records: &mut [Record]) {
        let Some(holds) = self.threads.get(thread) else { return };
        let first = holds.partition_point(|hold| (hold.chunk as usize) < chunk);
        let here = holds[first..].iter().take_while(|hold| hold.chunk as usize == chunk);
        let mut here = here.peekable();
        let mut until = first.checked_sub(1).map_or(Ticks(0), |before| holds[before].until);
        for index in 0..records.len() {
            let record = records[index];
            if record.word().kind() == Some(Kind::Extension) {
                continue;
            }
            let behind = index + 1;
            let extended =
                records.get(behind).is_some_and(|next| next.word().kind() == Some(Kind::Extension));
            if let Some(hold) = here.next_if(|hold| {
                let place = hold.behind as usize;
                place == behind || (extended && place == behind + 1)
            }) {
                until = hold.until;
            }
            if record.time() < until {
                records[index] = Record::new(until, record.value(), record.size(), record.word());
            } else if here.peek().is_none() {
                return;
            }
        }
    }
}
