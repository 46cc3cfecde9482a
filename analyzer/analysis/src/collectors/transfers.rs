//! The transfers taken together: how much, which way, how fast.

use hdrhistogram::Histogram;
use memtrace_format::{Bytes, HostMemory, Reason, Tier, TransferBegin};

use crate::{
    Nanos,
    report::{Bandwidth, ByMemory, Direction, Directions, Moved, MovedFor, Transfers},
};

/// The significant digits of speeds.
const DIGITS: u8 = 3;

/// A speed is counted in 10⁶ bytes a second, up to this many.
const FASTEST: u64 = 1 << 40;

/// Which way a transfer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    HostToDevice,
    DeviceToHost,
    DeviceToDevice,
    HostToHost,
    Disk,
    Other,
}

impl Way {
    pub(crate) const ALL: [Self; 6] = [
        Self::HostToDevice,
        Self::DeviceToHost,
        Self::DeviceToDevice,
        Self::HostToHost,
        Self::Disk,
        Self::Other,
    ];

    pub(crate) fn of(begin: &TransferBegin) -> Self {
        match (begin.from, begin.to) {
            (Tier::Disk, _) | (_, Tier::Disk) => Self::Disk,
            (Tier::Unknown, _) | (_, Tier::Unknown) => Self::Other,
            (Tier::Device(_), Tier::Device(_)) => Self::DeviceToDevice,
            (Tier::Device(_), _) => Self::DeviceToHost,
            (_, Tier::Device(_)) => Self::HostToDevice,
            (Tier::Host | Tier::Pinned, Tier::Host | Tier::Pinned) => Self::HostToHost,
        }
    }

    /// The key under which reports have it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::HostToDevice => "h2d",
            Self::DeviceToHost => "d2h",
            Self::DeviceToDevice => "d2d",
            Self::HostToHost => "h2h",
            Self::Disk => "disk",
            Self::Other => "other",
        }
    }
}

/// Sums over the transfers that ended.
#[derive(Debug, Default)]
pub(crate) struct TransferSums {
    by_way: [DirectionSums; Way::ALL.len()],
    by_reason: [Moved; Reason::ALL.len()],
    pageable: Bytes,
    pinned: Bytes,
    /// Between host and device, by the kind of the host's memory.
    by_memory: [DirectionSums; 3],
    pageable_again: MovedFor,
    parts: MovedFor,
    stall: Nanos,
    hidden: Nanos,
    hideable: Hideable,
}

/// What forwards waited for, and how much of that computation before it could have hidden.
#[derive(Clone, Copy, Debug, Default)]
struct Hideable {
    waits: u64,
    waited: Nanos,
    hideable: Nanos,
}

#[derive(Debug, Default)]
struct DirectionSums {
    count: u64,
    bytes: Bytes,
    ns: Nanos,
    speeds: Option<Histogram<u64>>,
    fastest: f64,
}

impl TransferSums {
    /// A transfer ended.
    pub(crate) fn add(&mut self, begin: &TransferBegin, moved: Bytes, took: Nanos, hidden: Nanos) {
        self.hidden = self.hidden.plus(hidden);
        if matches!(Way::of(begin), Way::HostToDevice | Way::DeviceToHost) {
            self.by_memory[memory_index(begin.memory)].add(moved, took);
        }
        match begin.memory {
            HostMemory::Pageable => self.pageable = sum(self.pageable, moved),
            HostMemory::Pinned => self.pinned = sum(self.pinned, moved),
            HostMemory::Unknown => {}
        }
        self.by_way[Way::of(begin) as usize].add(moved, took);
        let reason = &mut self.by_reason[begin.reason as usize];
        *reason = Moved { count: reason.count + 1, bytes: sum(reason.bytes, moved) };
    }

    /// A copy ended that is a part of another transfer.
    pub(crate) fn add_part(&mut self, moved: Bytes, took: Nanos) {
        self.parts.count += 1;
        self.parts.bytes = sum(self.parts.bytes, moved);
        self.parts.ns = self.parts.ns.plus(took);
    }

    /// A module moved to a device, or from one, that had moved the same way before.
    pub(crate) fn add_again(&mut self, begin: &TransferBegin, moved: Bytes, took: Nanos) {
        let of_host = matches!(Way::of(begin), Way::HostToDevice | Way::DeviceToHost);
        if of_host && begin.memory == HostMemory::Pageable {
            let again = &mut self.pageable_again;
            again.count += 1;
            again.bytes = sum(again.bytes, moved);
            again.ns = again.ns.plus(took);
        }
    }

    /// A forward waited for a module that had been on the device before; so much of it could have been hidden.
    pub(crate) fn add_hideable(&mut self, waited: Nanos, hideable: Nanos) {
        self.hideable.waits += 1;
        self.hideable.waited = self.hideable.waited.plus(waited);
        self.hideable.hideable = self.hideable.hideable.plus(hideable);
    }

    /// A forward waited for a transfer.
    pub(crate) fn add_stall(&mut self, waited: Nanos) {
        self.stall = self.stall.plus(waited);
    }

    /// The report of them; `unfinished` transfers did not end.
    pub(crate) fn report(&self, unfinished: u64) -> Transfers {
        let all = &self.by_way;
        let way = |way: Way| all[way as usize].report();
        Transfers {
            count: all.iter().map(|direction| direction.count).sum(),
            bytes: all.iter().fold(Bytes(0), |bytes, direction| sum(bytes, direction.bytes)),
            ns: all.iter().fold(Nanos(0), |ns, direction| ns.plus(direction.ns)),
            by_direction: Directions {
                h2d: way(Way::HostToDevice),
                d2h: way(Way::DeviceToHost),
                d2d: way(Way::DeviceToDevice),
                h2h: way(Way::HostToHost),
                disk: way(Way::Disk),
                other: way(Way::Other),
            },
            by_reason: Reason::ALL
                .iter()
                .zip(self.by_reason)
                .filter(|(_, moved)| moved.count > 0)
                .map(|(reason, moved)| (reason.name(), moved))
                .collect(),
            pageable_bytes: self.pageable,
            pinned_bytes: self.pinned,
            by_memory: ByMemory {
                pageable: self.by_memory[memory_index(HostMemory::Pageable)].report(),
                pinned: self.by_memory[memory_index(HostMemory::Pinned)].report(),
                unknown: self.by_memory[memory_index(HostMemory::Unknown)].report(),
            },
            pageable_again: self.pageable_again,
            parts: self.parts,
            stall_ns: self.stall,
            hidden_ns: self.hidden,
            reload_waits: self.hideable.waits,
            reload_stall_ns: self.hideable.waited,
            hideable_ns: self.hideable.hideable,
            unfinished,
        }
    }
}

impl DirectionSums {
    fn add(&mut self, moved: Bytes, took: Nanos) {
        self.count += 1;
        self.bytes = sum(self.bytes, moved);
        self.ns = self.ns.plus(took);
        // What moved nothing (weights dropped for a copy that is there, a move that failed) has no speed.
        if took.0 == 0 || moved.0 == 0 {
            return;
        }
        // A byte a nanosecond is 10⁹ bytes a second.
        self.fastest = self.fastest.max(moved.0 as f64 / took.0 as f64);
        let speed = u128::from(moved.0) * 1_000 / u128::from(took.0);
        let speeds = self.speeds.get_or_insert_with(|| {
            Histogram::new_with_bounds(1, FASTEST, DIGITS).expect("the bounds and digits are valid")
        });
        speeds.saturating_record(u64::try_from(speed).unwrap_or(FASTEST).min(FASTEST));
    }

    fn report(&self) -> Direction {
        let gbps = self.speeds.as_ref().map(|speeds| Bandwidth {
            p50: (speeds.value_at_quantile(0.5) as f64 / 1e3).min(self.fastest),
            p99: (speeds.value_at_quantile(0.99) as f64 / 1e3).min(self.fastest),
            max: self.fastest,
        });
        let gbps_why = match (gbps, self.count) {
            (Some(_), _) => None,
            (None, 0) => Some("there were no transfers"),
            (None, _) => Some("no transfer moved anything in any time of the trace's clock"),
        };
        Direction { count: self.count, bytes: self.bytes, ns: self.ns, gbps, gbps_why }
    }
}

fn memory_index(memory: HostMemory) -> usize {
    match memory {
        HostMemory::Pageable => 0,
        HostMemory::Pinned => 1,
        HostMemory::Unknown => 2,
    }
}

pub(super) fn sum(a: Bytes, b: Bytes) -> Bytes {
    Bytes(a.0.saturating_add(b.0))
}
