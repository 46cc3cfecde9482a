//! How a recording ends, and what the closing block says of it meanwhile.

use std::sync::atomic::AtomicBool;

use memtrace_format::{Closing, DropCounts, Ending};

use super::{Recycler, Work};
use crate::{clock, message::say};

impl Work {
    /// When the first event is lost because of a shortage, recording is over; the program goes on.
    pub(super) fn notice_stop(&mut self) {
        self.tell_threads();
        let Some(error) = self.supply.shortage().filter(|_| !self.stopped && self.recycler.is_none()) else {
            return;
        };
        if self.log.ledger.try_total().is_some_and(|lost| lost.of(error.cause()) > 0) {
            self.say_why_it_stops();
        }
    }

    pub(super) fn say_why_it_stops(&mut self) {
        if let Some(error) = self.supply.shortage() {
            say(format_args!("recording stops: {error}"));
        }
        self.stopped = true;
        let lost = self.log.ledger.try_total().unwrap_or(self.told);
        self.write_closing(Ending::Stopped, lost);
    }

    pub(super) fn write_closing(&mut self, ending: Ending, lost: DropCounts) {
        let why = self.supply.shortage().filter(|_| self.stopped);
        self.told = lost;
        let closing = Closing {
            ending: if self.stopped { Ending::Stopped } else { ending },
            end: clock::calibrate(self.session.clock),
            drops: lost,
            text: why.map(ToString::to_string).unwrap_or_default(),
        };
        if !self.supply.file.has_its_beginning() {
            return;
        }
        if let Err(error) = self.supply.file.write_closing(&closing, self.log.short_session()) {
            self.end(error);
        }
    }

    /// Takes the chunks that nobody used out of reach, then cuts them off.
    pub(super) fn finish(mut self) {
        self.session.definitions.close(self.log);
        let mut unused = Vec::new();
        while let Some(chunk) = self.log.withdraw() {
            unused.push(chunk.slot);
        }
        let ended = AtomicBool::new(true);
        self.seal_retired(&ended);
        self.log.retire_left();
        self.seal_retired(&ended);
        self.notice_faults();
        self.notice_stop();
        self.write_closing(Ending::Clean, self.log.ledger.total());
        unused.extend(self.recycler.iter().flat_map(Recycler::unused));
        let cut_off = self.supply.cut_off(unused);
        if let Some(sync) = self.sync {
            sync.finish();
        }
        self.supply.file.unlock();
        if let Err(error) = cut_off {
            say(error);
        }
    }
}
