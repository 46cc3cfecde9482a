//! Builds the facts of a file.

use memtrace_format::{Bytes, Kind};

use super::{SCHEMA_VERSION, run};
use crate::{
    collectors::Collectors,
    merge::Events,
    replay::Replay,
    report::{Info, Thread},
};

/// Describes the file of a finished replay.
pub(crate) fn describe(replay: &Replay<'_>, collectors: &Collectors<'_>, events: &Events<'_>) -> Info {
    let source = replay.log;
    let definitions = source.definitions();
    let kinds = Kind::ALL.iter().map(|kind| (kind.name(), replay.kinds[*kind as usize]));
    let threads = source.directory.threads.iter().zip(events.counts()).map(|(thread, events)| {
        let os_id = definitions.thread(thread.id).map(|thread| thread.os_id);
        Thread {
            id: thread.id.0,
            name: definitions.thread_name(thread.id),
            os_id,
            os_id_why: os_id.is_none().then_some("its definition is lost"),
            events,
            chunks: thread.chunks.len() as u64,
        }
    });
    Info {
        schema_version: SCHEMA_VERSION,
        file_bytes: Bytes(source.file.bytes()),
        session: format!("{:032x}", source.header().session),
        trace: run::trace(replay, collectors, events, None),
        events_by_kind: kinds.filter(|(_, count)| *count > 0).collect(),
        definitions: definitions.counts().into_iter().map(|(kind, count)| (kind, count as u64)).collect(),
        threads: threads.collect(),
    }
}
