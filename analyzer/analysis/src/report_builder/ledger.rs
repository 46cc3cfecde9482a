//! Builds the ledger: balances of device memory become entries that add up and name what is missing.

use memtrace_format::{Bytes, SampleSource, SampledCounter};

use super::device::NO_HEAP;
use crate::{
    Nanos, Text,
    collectors::{Collectors, DeviceWatch, HeapWatch},
    model::{Balance, Free, FreeSource},
    replay::ReplayHeap,
    report::{Known, LedgerEntry, LedgerMoment, LedgerSources, LedgerTrend, Quarter, SampledFrom, Samples},
    timeline::LedgerTrack,
};

/// The most failed requests of a device that get an entry: the first.
const FAILURES: usize = 64;

/// With fewer samples than this in it, a quarter of a run says nothing of it.
const SAMPLES_OF_A_TREND: usize = 8;

const NOT_SAMPLED: &str = "it was not sampled";
const TOO_MANY_HEAPS: &str = "the device has too many heaps";
const WITHOUT_SEGMENTS: &str = "a heap of the device has no segments, and what it caches is not known";
const SHARED: &str = "the device's memory is the host's, and NVML does not count it by process";

/// The ledger of each device, its trend and its course.
pub(super) struct Ledgers {
    pub(super) entries: Vec<LedgerEntry>,
    pub(super) trends: Vec<LedgerTrend>,
    pub(super) tracks: Vec<LedgerTrack>,
}

/// `known` is how what the heaps of a device hold is known.
pub(super) fn ledgers(
    collectors: &Collectors<'_>,
    (heaps, watches): (&[ReplayHeap], &[HeapWatch]),
    samples: &Samples,
    end: Nanos,
    known: impl Fn(&HeapWatch) -> Known,
) -> Ledgers {
    let devices = &collectors.devices;
    let mut ledgers = Ledgers { entries: Vec::new(), trends: Vec::new(), tracks: Vec::new() };
    for device in devices.iter() {
        let ledger = &device.ledger;
        let of_device = || watches.iter().filter(|watch| devices.is(watch.device, device.ordinal));
        let exact = of_device().all(|watch| known(watch) == Known::Exact);
        let writer = Writer {
            device: device.ordinal,
            heaps_known: if exact { Known::Exact } else { Known::Baseline },
            has_heap: of_device().next().is_some(),
            why: Reasons::of(device, samples, of_device().next().is_some()),
        };
        let failed = collectors.failures.kept.iter();
        let failed = failed.filter(|failed| {
            watches.get(failed.0.heap).is_some_and(|watch| devices.is(watch.device, device.ordinal))
        });
        let failures = failed.filter_map(|(failed, _)| failed.balance).take(FAILURES);
        let mut moments: Vec<(LedgerMoment, Balance)> = [
            (LedgerMoment::Begin, ledger.begin),
            (LedgerMoment::DevicePeak, ledger.peak),
            (LedgerMoment::LeastFree, ledger.least_free),
            (LedgerMoment::AllocatorPeak, ledger.allocator_peak),
            (LedgerMoment::End, Some(ledger.balance(end, heaps, None))),
        ]
        .into_iter()
        .filter_map(|(moment, balance)| Some((moment, balance?)))
        .chain(failures.map(|balance| (LedgerMoment::Oom, balance)))
        .collect();
        moments.sort_by_key(|(_, balance)| balance.time);
        let first = ledgers.entries.len();
        for (moment, balance) in &moments {
            let mut before = ledgers.entries[first..].iter_mut();
            // One sample can be several of these; what an engine says with a failed request is its own.
            let same = |entry: &&mut LedgerEntry| {
                *moment != LedgerMoment::Oom
                    && entry.time_ns == balance.time
                    && !entry.at.contains(&LedgerMoment::Oom)
            };
            match before.find(same) {
                Some(entry) => entry.at.push(*moment),
                None => ledgers.entries.push(writer.entry(vec![*moment], balance)),
            }
        }
        let course: Vec<_> =
            ledger.course.points.iter().map(|balance| writer.entry(Vec::new(), balance)).collect();
        ledgers.trends.extend(trend(device, &course, end));
        ledgers.tracks.push(LedgerTrack { device: device.ordinal, entries: course });
    }
    ledgers
}

/// Why figures of a device are missing.
struct Reasons {
    free: Text,
    own: Text,
    others: Text,
    pool: Text,
    held: Text,
    inactive: Text,
}

impl Reasons {
    fn of(device: &DeviceWatch, samples: &Samples, has_heap: bool) -> Self {
        let missing = |source: SampleSource, counter: SampledCounter| {
            let mut unavailable = samples.unavailable.iter();
            let found = unavailable.find(|missing| {
                let what = missing.what.recorded();
                (what == source.name() || what == counter.name())
                    && missing.device.is_none_or(|ordinal| ordinal == device.ordinal)
            });
            match found {
                Some(missing) => missing.why.clone(),
                None if device.is_integrated() && source == SampleSource::Processes => Text::new(SHARED),
                None => Text::new(NOT_SAMPLED),
            }
        };
        Self {
            free: missing(SampleSource::Driver, SampledCounter::DriverFree),
            own: missing(SampleSource::Processes, SampledCounter::OwnDeviceMemory),
            others: missing(SampleSource::Processes, SampledCounter::OtherDeviceMemory),
            pool: missing(SampleSource::Driver, SampledCounter::PoolReserved),
            held: Text::new(if has_heap { TOO_MANY_HEAPS } else { NO_HEAP }),
            inactive: Text::new(WITHOUT_SEGMENTS),
        }
    }
}

/// Makes entries of balances of one device.
struct Writer {
    device: u32,
    heaps_known: Known,
    /// Whether a heap of the device is recorded at all.
    has_heap: bool,
    why: Reasons,
}

impl Writer {
    fn entry(&self, at: Vec<LedgerMoment>, balance: &Balance) -> LedgerEntry {
        let why = &self.why;
        let unless = |known: bool, why: &Text| (!known).then(|| why.clone());
        let used = balance.used();
        let held = balance.held.filter(|_| self.has_heap);
        let reserved = held.map(|held| held.reserved);
        let inactive = held.filter(|held| !held.without_segments);
        let inactive = inactive.map(|held| held.reserved.saturating_sub(held.active));
        let inactive_why = if held.is_none() { &why.held } else { &why.inactive };
        let beside = used.zip(reserved).map(|(used, reserved)| less(used, reserved));
        let beside_why = if used.is_none() { &why.free } else { &why.held };
        let own = balance.own.and_then(|own| Some(less(own.bytes, own.held.filter(|_| self.has_heap)?)));
        let own_why = if balance.own.is_none() { &why.own } else { &why.held };
        let unaccounted = unaccounted(balance);
        let unaccounted_why = match (used, balance.own, balance.others) {
            (None, ..) => &why.free,
            (_, None, _) => &why.own,
            (.., None) => &why.others,
            _ => &why.held,
        };
        let processes = |time| SampledFrom { source: "nvml", time_ns: time, moved: false };
        LedgerEntry {
            device: self.device,
            at,
            time_ns: balance.time,
            known: if balance.free.is_some() || balance.own.is_some() {
                Known::Sampled
            } else {
                self.heaps_known
            },
            total: balance.total.map(Bytes),
            total_why: unless(balance.total.is_some(), &why.free),
            free: balance.free.map(|free| Bytes(free.bytes)),
            free_why: unless(balance.free.is_some(), &why.free),
            used: used.map(Bytes),
            used_why: unless(used.is_some(), &why.free),
            allocator_reserved: reserved.map(Bytes),
            allocator_reserved_why: unless(reserved.is_some(), &why.held),
            allocator_active: held.map(|held| Bytes(held.active)),
            allocator_active_why: unless(held.is_some(), &why.held),
            allocator_inactive: inactive.map(Bytes),
            allocator_inactive_why: unless(inactive.is_some(), inactive_why),
            beside_allocator: beside,
            beside_allocator_why: unless(beside.is_some(), beside_why),
            non_allocator: own,
            non_allocator_why: unless(own.is_some(), own_why),
            driver_pool_inactive: balance.pool_inactive.map(|pool| Bytes(pool.bytes)),
            driver_pool_inactive_why: unless(balance.pool_inactive.is_some(), &why.pool),
            other_processes: balance.others.map(|others| Bytes(others.bytes)),
            other_processes_why: unless(balance.others.is_some(), &why.others),
            unaccounted,
            unaccounted_why: unless(unaccounted.is_some(), unaccounted_why),
            sources: LedgerSources {
                free: balance.free.map(sampled_from),
                own_process: balance.own.map(|own| processes(own.time)),
                other_processes: balance.others.map(|others| processes(others.time)),
            },
        }
    }
}

/// What is in use, less what is somebody's: of this process what it had when it was counted, and what its heaps took since.
fn unaccounted(balance: &Balance) -> Option<i64> {
    let own = balance.own?;
    let process = i128::from(own.bytes) + i128::from(balance.held?.reserved) - i128::from(own.held?);
    Some(signed(i128::from(balance.used()?) - process - i128::from(balance.others?.bytes)))
}

fn sampled_from(free: Free) -> SampledFrom {
    let source = match free.source {
        FreeSource::Driver => "driver",
        FreeSource::Nvml => "nvml",
        FreeSource::Engine => "engine",
        FreeSource::Host => "host",
    };
    SampledFrom { source, time_ns: free.sampled, moved: free.moved }
}

/// The medians of the quarters of the time that was sampled.
fn trend(device: &DeviceWatch, course: &[LedgerEntry], end: Nanos) -> Option<LedgerTrend> {
    let (first, last) = (course.first()?.time_ns, course.last()?.time_ns.max(end));
    if course.len() < SAMPLES_OF_A_TREND {
        return None;
    }
    let border = |quarter: u128| {
        let offset = u128::from(last.since(first).0) * quarter / 4;
        Nanos(first.0.saturating_add(u64::try_from(offset).unwrap_or(u64::MAX)))
    };
    let quarter = |number: u128| {
        let (from, to) = (border(number), border(number + 1));
        let within = |entry: &&LedgerEntry| {
            entry.time_ns >= from && (entry.time_ns < to || (number == 3 && entry.time_ns == to))
        };
        let entries: Vec<_> = course.iter().filter(within).collect();
        let signed =
            |pick: fn(&LedgerEntry) -> Option<i64>| median(entries.iter().filter_map(|entry| pick(entry)));
        let bytes =
            |pick: fn(&LedgerEntry) -> Option<Bytes>| median(entries.iter().filter_map(|entry| pick(entry)));
        Quarter {
            from_ns: from,
            to_ns: to,
            free: bytes(|entry| entry.free),
            beside_allocator: signed(|entry| entry.beside_allocator),
            non_allocator: signed(|entry| entry.non_allocator),
            other_processes: bytes(|entry| entry.other_processes),
        }
    };
    Some(LedgerTrend {
        device: device.ordinal,
        samples: course.len() as u64,
        process_samples: device.ledger.process_samples,
        quarters: (0..4).map(quarter).collect(),
    })
}

fn median<T: Ord + Copy>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut values: Vec<T> = values.collect();
    let middle = values.len().checked_sub(1)? / 2;
    Some(*values.select_nth_unstable(middle).1)
}

fn less(a: u64, b: u64) -> i64 {
    signed(i128::from(a) - i128::from(b))
}

fn signed(bytes: i128) -> i64 {
    i64::try_from(bytes).unwrap_or(if bytes < 0 { i64::MIN } else { i64::MAX })
}
