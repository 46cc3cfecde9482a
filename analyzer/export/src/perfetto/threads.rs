//! The tracks of threads: what is open on them.

use std::io::{self, Write};

use memtrace_analysis::{EventContext, Nanos, Trace, replay::Replay};
use memtrace_format::{ModuleId, ThreadId};

use super::{
    packets::{Packets, Track},
    proto::{ThreadDescriptor, TrackDescriptor},
};

/// Forwards that are nested deeper are left out.
const DEPTH: usize = 4096;

/// The tracks of all threads.
#[derive(Debug)]
pub(super) struct ThreadTracks<'a> {
    trace: &'a Trace,
    pid: i32,
    process: Track,
    threads: Vec<ThreadTrack>,
}

/// A thread's tracks, each made when something happens on it.
#[derive(Clone, Debug, Default)]
struct ThreadTrack {
    /// Scopes and marks.
    own: Option<Track>,
    /// Forwards: they need not nest with scopes.
    forwards: Option<Track>,
    /// The forwards that are open, outermost first.
    open: Vec<ModuleId>,
}

impl<'a> ThreadTracks<'a> {
    pub(super) fn new(trace: &'a Trace, pid: i32, process: Track) -> Self {
        let threads = vec![ThreadTrack::default(); trace.threads().len()];
        Self { trace, pid, process, threads }
    }

    /// The id of the thread with this index.
    pub(super) fn id(&self, thread: usize) -> ThreadId {
        self.trace.thread(thread)
    }

    /// Writes the scopes and phases open where the export begins.
    pub(super) fn begin<W: Write>(
        &mut self,
        packets: &mut Packets<W>,
        replay: &Replay<'_>,
        from: Nanos,
    ) -> io::Result<()> {
        for thread in 0..self.threads.len() {
            let now = EventContext { time: from, thread };
            self.scopes(packets, replay, now, 0)?;
            replay
                .thread(thread)
                .forwards()
                .try_for_each(|module| self.forward_begin(packets, now, module))?;
        }
        Ok(())
    }

    /// A thread's own track.
    pub(super) fn track<W: Write>(&mut self, packets: &mut Packets<W>, thread: usize) -> io::Result<Track> {
        if let Some(track) = self.threads[thread].own {
            return Ok(track);
        }
        let id = self.id(thread);
        let name = self.trace.definitions().thread_name(id).to_string();
        let os_id = self.trace.definitions().thread(id).map(|thread| thread.os_id).filter(|&id| id != 0);
        let track = match os_id {
            // Without the kernel's id, as of imported traces, Perfetto would take all for one thread.
            None => packets.track(self.process, name)?,
            Some(os_id) => {
                let thread = ThreadDescriptor {
                    pid: Some(self.pid),
                    tid: Some(os_id.into()),
                    thread_name: Some(name),
                };
                packets.describe(TrackDescriptor { thread: Some(thread), ..TrackDescriptor::default() })?
            }
        };
        self.threads[thread].own = Some(track);
        Ok(track)
    }

    /// Scopes began or ended on a thread on which so many were open. Which of them end, the replay has decided: ends may be missing.
    pub(super) fn scopes<W: Write>(
        &mut self,
        packets: &mut Packets<W>,
        replay: &Replay<'_>,
        now: EventContext,
        before: usize,
    ) -> io::Result<()> {
        let open = replay.thread(now.thread).scopes();
        if open.len() == before {
            return Ok(());
        }
        let track = self.track(packets, now.thread)?;
        for scope in open.iter().skip(before) {
            packets.begin(now.time, track, &self.trace.definitions().name(scope.name))?;
        }
        (open.len()..before).try_for_each(|_| packets.end(now.time, track))
    }

    pub(super) fn forward_begin<W: Write>(
        &mut self,
        packets: &mut Packets<W>,
        now: EventContext,
        module: ModuleId,
    ) -> io::Result<()> {
        if self.threads[now.thread].open.len() == DEPTH {
            return Ok(());
        }
        let own = self.track(packets, now.thread)?;
        let thread = &mut self.threads[now.thread];
        let track = match thread.forwards {
            Some(track) => track,
            None => *thread.forwards.insert(packets.track(own, "forwards".to_owned())?),
        };
        thread.open.push(module);
        packets.begin(now.time, track, &self.trace.definitions().module_name(module))
    }

    /// A forward ends, and with it those inside it whose ends are missing.
    pub(super) fn forward_end<W: Write>(
        &mut self,
        packets: &mut Packets<W>,
        now: EventContext,
        module: ModuleId,
    ) -> io::Result<()> {
        let thread = &mut self.threads[now.thread];
        let (Some(track), Some(at)) = (thread.forwards, thread.open.iter().rposition(|&open| open == module))
        else {
            return Ok(());
        };
        thread.open.drain(at..).try_for_each(|_| packets.end(now.time, track))
    }
}
