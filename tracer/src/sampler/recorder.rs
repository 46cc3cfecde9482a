//! Records what sources say as counters in the log, and what they cannot say as marks.

use std::collections::{HashMap, HashSet};

use memtrace_format::{
    Bytes, CounterValue, NotSampled, SampleSource, SampledCounter, Unit, well_known::OTHER_PROCESS,
};

use crate::{
    Counter, Device, Name, cursor,
    message::say,
    sampling::Plan,
    sources::{Ordinal, Reading, Unavailable},
};

/// The most names of other processes that a recording has counters for, on all devices together.
const NAMED_PROCESSES: usize = 16;

/// The counters of one sampling thread.
pub(super) struct Recorder {
    devices: HashMap<Ordinal, Device>,
    counters: HashMap<(SampledCounter, Option<Ordinal>), Slot>,
    /// Those of other processes, by name.
    processes: HashMap<(String, Ordinal), Counter>,
    /// Sources whose absence is worth a line on stderr, until it was said.
    to_be_told: HashSet<SampleSource>,
    round: Round,
}

#[derive(Clone, Copy)]
enum Slot {
    Sampled(Counter),
    LeftOut,
}

/// What came of the round that goes on.
#[derive(Default)]
struct Round {
    recorded: bool,
    /// Why a figure is not to be had yet.
    not_yet: Option<&'static str>,
}

/// A counter, and where its value is in what was read.
pub(super) type Figure<T> = (SampledCounter, fn(&T) -> CounterValue);

impl Recorder {
    pub(super) fn new(plans: &[Plan]) -> Self {
        let asked_for = plans.iter().filter(|plan| plan.asked_for);
        Self {
            devices: HashMap::new(),
            counters: HashMap::new(),
            processes: HashMap::new(),
            to_be_told: asked_for.map(|plan| plan.source).collect(),
            round: Round::default(),
        }
    }

    /// Reads a source by `read`, which records what it finds.
    ///
    /// # Errors
    ///
    /// There was nothing to record: not yet, or the source as a whole cannot be read; `None` if every counter of it was left
    /// out one by one.
    pub(super) fn round(
        &mut self,
        read: impl FnOnce(&mut Self) -> Reading<()>,
    ) -> Result<(), Option<Unavailable>> {
        self.round = Round::default();
        read(self)?;
        match &self.round {
            Round { recorded: true, .. } => Ok(()),
            Round { not_yet: Some(why), .. } => Err(Some(Unavailable::NotYet(why))),
            Round { not_yet: None, .. } => Err(None),
        }
    }

    /// Names a device, with its memory, so that counters can be about it.
    pub(super) fn introduce(&mut self, ordinal: Ordinal, describe: impl FnOnce() -> (String, Option<Bytes>)) {
        if self.devices.contains_key(&ordinal) {
            return;
        }
        let (name, total) = describe();
        let definition = Device::describe(ordinal.0, &name, total);
        let device = cursor::on_behalf_of_the_program(|| Device::defined(definition));
        self.devices.insert(ordinal, device);
    }

    /// Whether a counter of a device was sampled or left out before.
    pub(super) fn knows(&self, counter: SampledCounter, device: Ordinal) -> bool {
        self.counters.contains_key(&(counter, Some(device)))
    }

    /// Reads something by `read` and records the figures in it, or leaves them out for ever if it cannot be read. What is left
    /// out is not read.
    pub(super) fn figures<T>(
        &mut self,
        device: Option<Ordinal>,
        figures: &[Figure<T>],
        read: impl FnOnce() -> Reading<T>,
    ) {
        let is_left_out = |counter| matches!(self.counters.get(&(counter, device)), Some(Slot::LeftOut));
        if figures.iter().all(|&(counter, _)| is_left_out(counter)) {
            return;
        }
        match read() {
            Ok(found) => figures.iter().for_each(|(counter, of)| self.sample(*counter, device, of(&found))),
            Err(Unavailable::NotYet(why)) => self.round.not_yet = Some(why),
            Err(error) => figures.iter().for_each(|&(counter, _)| self.leave_out(counter, device, &error)),
        }
    }

    /// Records a value.
    pub(super) fn sample(&mut self, counter: SampledCounter, device: Option<Ordinal>, value: CounterValue) {
        let slot = match self.counters.get(&(counter, device)) {
            Some(&slot) => slot,
            None => self.define(counter, device),
        };
        if let Slot::Sampled(counter) = slot {
            cursor::on_behalf_of_the_program(|| counter.sample(value));
            self.round.recorded = true;
        }
    }

    /// Records what other processes have of a device's memory, by their names. Whoever was there and is not has nothing.
    pub(super) fn other_processes(&mut self, device: Ordinal, mut memory: HashMap<String, Bytes>) {
        for ((name, on), counter) in &self.processes {
            if *on == device {
                let now = memory.remove(name).unwrap_or(Bytes(0));
                cursor::on_behalf_of_the_program(|| counter.sample(bytes(now)));
            }
        }
        let mut new: Vec<(String, Bytes)> = memory.into_iter().filter(|(_, bytes)| bytes.0 > 0).collect();
        new.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        new.truncate(NAMED_PROCESSES.saturating_sub(self.processes.len()));
        for (name, now) in new {
            let about = self.devices.get(&device).copied();
            let definition = Counter::describe(&format!("{OTHER_PROCESS}{name}"), Unit::Bytes, about);
            let counter = cursor::on_behalf_of_the_program(|| Counter::defined(definition));
            cursor::on_behalf_of_the_program(|| counter.sample(bytes(now)));
            self.processes.insert((name, device), counter);
        }
    }

    fn define(&mut self, counter: SampledCounter, device: Option<Ordinal>) -> Slot {
        let about = device.and_then(|ordinal| self.devices.get(&ordinal).copied());
        let definition = Counter::describe(counter.name(), counter.unit(), about);
        let slot = Slot::Sampled(cursor::on_behalf_of_the_program(|| Counter::defined(definition)));
        self.counters.insert((counter, device), slot);
        slot
    }

    /// Writes down that something is not sampled.
    pub(super) fn note(&self, what: &str, device: Option<Ordinal>, why: &str) {
        let device = device.map(|ordinal| u32::from(ordinal.0));
        let note = NotSampled { what, device, why }.to_string();
        cursor::on_behalf_of_the_program(|| Name::intern(&note).mark());
    }

    /// Writes down that a source cannot be read and will not be.
    pub(super) fn leave_out_source(&mut self, source: SampleSource, why: &Unavailable) {
        self.note(source.name(), None, &why.to_string());
        self.tell(source, source.name(), why);
    }

    fn leave_out(&mut self, counter: SampledCounter, device: Option<Ordinal>, why: &Unavailable) {
        if matches!(self.counters.insert((counter, device), Slot::LeftOut), Some(Slot::LeftOut)) {
            return;
        }
        self.note(counter.name(), device, &why.to_string());
        self.tell(counter.source(), counter.name(), why);
    }

    /// Says on stderr, once a source, that something is not sampled that the user asked for.
    fn tell(&mut self, source: SampleSource, what: &str, why: &Unavailable) {
        if self.to_be_told.remove(&source) {
            say(format_args!("{what} is not sampled: {why}"));
        }
    }
}

/// Bytes as a counter has them.
pub(super) fn bytes(bytes: Bytes) -> CounterValue {
    CounterValue::Integer(bytes.0)
}
