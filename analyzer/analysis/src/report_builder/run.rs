//! The recording itself.

use std::collections::BTreeMap;

use memtrace_format::{Bytes, DropCause, Ending};

use crate::{
    Text,
    collectors::Collectors,
    merge::Events,
    replay::Replay,
    report::{Dropped, Ended, Range, TraceInfo},
    source::Losses,
};

const NOT_IMPORTED: &str = "the imported recording does not say";

pub(super) fn trace(
    replay: &Replay<'_>,
    collectors: &Collectors<'_>,
    events: &Events<'_>,
    range: Option<Range>,
) -> TraceInfo {
    let source = replay.log;
    let header = source.header();
    let closing = source.closing();
    let finally = closing.filter(|closing| closing.is_final());
    let engine = source.definitions().engine();
    let mut losses: Losses = source.losses().clone();
    losses.join(events.losses());

    let mut oddities: BTreeMap<_, _> = replay.oddities.iter().collect();
    for (what, count) in [
        ("record of an unknown kind", events.unknown()),
        ("time that steps back", events.steps_back()),
        ("chunk whose recorder saw time step back", source.directory.stepping_back),
        ("event of one of too many modules: it is not told of", collectors.movement.modules.left_out),
    ] {
        if count > 0 {
            oddities.insert(what, count);
        }
    }
    // An importer leaves out what the recording does not say.
    let imported = source.is_imported();
    let pid = Some(header.pid).filter(|&pid| pid != 0);
    let start = Some(header.start.realtime_ns).filter(|&start| start != 0);
    TraceInfo {
        format_version: format!("{}.{}", memtrace_format::header::VERSION.0, header.minor),
        engine: engine.map(|engine| Text::new(engine.name.as_str())),
        engine_why: engine.is_none().then_some("the engine did not give its name"),
        engine_version: engine
            .filter(|engine| !engine.version.is_empty())
            .map(|engine| Text::new(engine.version.as_str())),
        pid: pid.or(Some(header.pid).filter(|_| !imported)),
        pid_why: (imported && pid.is_none()).then_some(NOT_IMPORTED),
        start_unix_ns: start.or(Some(0).filter(|_| !imported)),
        start_unix_ns_why: (imported && start.is_none()).then_some(NOT_IMPORTED),
        duration_ns: source.end(events.latest()),
        range,
        filter: None,
        kept_from_ns: source.kept_from().filter(|_| !source.begins_with_baseline()),
        events: replay.kinds.iter().sum(),
        threads: source.has_threads().then_some(source.directory.threads.len() as u64),
        threads_why: (!source.has_threads()).then_some(NOT_IMPORTED),
        times_why: (!source.has_times())
            .then_some("the recording has no times; what stands for them counts its events"),
        clock: header.clock.name(),
        ended: source.ended(),
        ended_why: (source.ended() == Ended::Untold).then_some(NOT_IMPORTED),
        run_failed: false,
        stopped_why: finally
            .filter(|closing| closing.ending == Ending::Stopped)
            .map(|closing| Text::new(closing.text.as_str())),
        dropped: dropped(replay, events),
        damaged_chunks: losses.damaged_chunks(),
        damage: losses.places().iter().map(|place| Text::new(place.to_string())).collect(),
        unreadable_bytes: losses.unreadable(),
        oddities,
        chunks: source.directory.counts,
        never_used_bytes: Bytes(source.directory.counts.free * memtrace_format::CHUNK_BYTES as u64),
    }
}

/// Three places tell what was lost, each up to another time: the closing block, the chunks, the events. The largest is right.
fn dropped(replay: &Replay<'_>, events: &Events<'_>) -> Dropped {
    let closing = replay.log.closing().map(|closing| closing.drops).unwrap_or_default();
    let chunks = events.drops();
    let counts = |cause: DropCause| closing.of(cause).max(chunks.of(cause)).max(replay.dropped.of(cause));
    let mut by_cause: BTreeMap<_, _> =
        DropCause::ALL.iter().map(|&cause| (cause.name(), counts(cause))).collect();
    if replay.dropped_for_unknown_cause > 0 {
        by_cause.insert("unknown cause", replay.dropped_for_unknown_cause);
    }
    let total = by_cause.values().copied().fold(0, u64::saturating_add);
    let source = replay.log;
    let at_least = source.ended() == Ended::Killed && (total > 0 || source.has_untold_losses());
    Dropped { total, by_cause, at_least }
}
