//! The tracks of transfers: one for each way that they take, and as many side by side as are under way at a time.

use std::io::{self, Write};

use hashbrown::HashMap;
use memtrace_analysis::{Nanos, Text, Trace, TransferKey, replay::Replay, walk::MadeRoom};
use memtrace_format::{ModuleId, ThreadId, Tier, TransferBegin, TransferEnd};

use super::{
    packets::{Packets, Track, named, number, text},
    proto::{TrackEvent, Type},
};

/// The most transfers that are followed at a time.
const OPEN: usize = 1 << 16;

/// The tracks of all transfers.
#[derive(Debug)]
pub(super) struct TransferTracks<'a> {
    trace: &'a Trace,
    process: Track,
    /// The free tracks of each direction.
    free: HashMap<(Tier, Tier), Vec<Track>>,
    open: HashMap<TransferKey, Open>,
    /// The flow from the latest eviction, by module and device.
    flows: HashMap<(ModuleId, Tier), u64>,
    evictions: u64,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    track: Track,
    module: ModuleId,
    from: Tier,
    to: Tier,
}

impl<'a> TransferTracks<'a> {
    pub(super) fn new(trace: &'a Trace, process: Track) -> Self {
        let (free, open, flows) = Default::default();
        Self { trace, process, free, open, flows, evictions: 0 }
    }

    /// Writes the transfers under way where the export begins.
    pub(super) fn begin<W: Write>(
        &mut self,
        packets: &mut Packets<W>,
        replay: &Replay<'_>,
        from: Nanos,
    ) -> io::Result<()> {
        let mut open: Vec<_> = replay.open_transfers().collect();
        open.sort_unstable_by_key(|(key, _)| (key.origin, key.correlation));
        open.into_iter().try_for_each(|(key, begin)| self.begun(packets, from, (key.origin, begin)))
    }

    pub(super) fn begun<W: Write>(
        &mut self,
        packets: &mut Packets<W>,
        now: Nanos,
        (origin, begin): (ThreadId, &TransferBegin),
    ) -> io::Result<()> {
        let key = TransferKey { origin, correlation: begin.correlation };
        if let Some(lost) = self.open.remove(&key) {
            self.close(packets, now, lost, TrackEvent::default())?;
        }
        if self.open.len() == OPEN {
            return Ok(());
        }
        let way = (begin.from, begin.to);
        let track = match self.free.get_mut(&way).and_then(Vec::pop) {
            Some(track) => track,
            None => packets.track(self.process, format!("{} → {}", begin.from, begin.to))?,
        };
        self.open.insert(key, Open { track, module: begin.module, from: begin.from, to: begin.to });
        let name = self.name(begin.module).unwrap_or_else(|| Text::new("transfer"));
        let mut beside = vec![
            number("bytes", begin.size.0),
            text("reason", begin.reason.to_string()),
            text("host_memory", begin.memory.to_string()),
        ];
        beside.extend(self.name(begin.room_for).map(|module| text("room_for", module.to_string())));
        let event = TrackEvent { debug_annotations: beside, ..named(&name) };
        packets.event(now, track, Type::SliceBegin, event)
    }

    /// A transfer ended. From the evictions that made room for it, as the swaps of the report have it, flows lead here.
    pub(super) fn ended<W: Write>(
        &mut self,
        packets: &mut Packets<W>,
        now: Nanos,
        made_room: Option<MadeRoom<'_>>,
        end: &TransferEnd,
    ) -> io::Result<()> {
        let key = TransferKey { origin: end.origin, correlation: end.correlation };
        let Some(open) = self.open.remove(&key) else { return Ok(()) };
        let mut event = TrackEvent {
            debug_annotations: vec![number("moved_bytes", end.size.0)],
            ..TrackEvent::default()
        };
        let took = end.on_device.and_then(|took| u64::try_from(took.as_nanos()).ok());
        event.debug_annotations.extend(took.map(|ns| number("on_device_ns", ns)));
        if !open.module.is_none() && open.from != open.to {
            if open.from.is_device() {
                self.evictions += 1;
                event.flow_ids.push(self.evictions);
                self.flows.insert((open.module, open.from), self.evictions);
            }
            if open.to.is_device() {
                event.terminating_flow_ids = self.made_room(made_room, open);
            }
        }
        self.close(packets, now, open, event)
    }

    /// The flows of the evictions that made room for a load that ended now.
    fn made_room(&mut self, made_room: Option<MadeRoom<'_>>, load: Open) -> Vec<u64> {
        let Some(made) = made_room.filter(|made| made.module == load.module) else { return Vec::new() };
        // Each flow ends once: a second swap at this instant has others.
        made.evicted.iter().filter_map(|&module| self.flows.remove(&(module, made.from))).collect()
    }

    fn close<W: Write>(
        &mut self,
        packets: &mut Packets<W>,
        now: Nanos,
        open: Open,
        event: TrackEvent,
    ) -> io::Result<()> {
        self.free.entry((open.from, open.to)).or_default().push(open.track);
        packets.event(now, open.track, Type::SliceEnd, event)
    }

    fn name(&self, module: ModuleId) -> Option<Text> {
        (!module.is_none()).then(|| self.trace.definitions().module_name(module))
    }
}
