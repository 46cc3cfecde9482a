//! The transfers taken together: how much, which way, how fast.

use hdrhistogram::Histogram;
use memtrace_format::{Bytes, HostMemory, Tier, TransferBegin};

use crate::{
    Nanos,
    report::{Bandwidth, Direction, Directions, Transfers},
};

/// The significant digits of speeds.
const DIGITS: u8 = 3;

/// A speed is counted in 10⁶ bytes a second, up to this many.
const FASTEST: u64 = 1 << 40;

/// Sums over the transfers that ended.
#[derive(Debug, Default)]
pub(crate) struct TransferSums {
    h2d: DirectionSums,
    d2h: DirectionSums,
    d2d: DirectionSums,
    h2h: DirectionSums,
    disk: DirectionSums,
    other: DirectionSums,
    pageable: Bytes,
    pinned: Bytes,
    stall: Nanos,
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
    pub(crate) fn add(&mut self, begin: &TransferBegin, moved: Bytes, took: Nanos) {
        match begin.memory {
            HostMemory::Pageable => self.pageable = sum(self.pageable, moved),
            HostMemory::Pinned => self.pinned = sum(self.pinned, moved),
            HostMemory::Unknown => {}
        }
        let direction = match (begin.from, begin.to) {
            (Tier::Disk, _) | (_, Tier::Disk) => &mut self.disk,
            (Tier::Unknown, _) | (_, Tier::Unknown) => &mut self.other,
            (Tier::Device(_), Tier::Device(_)) => &mut self.d2d,
            (Tier::Device(_), _) => &mut self.d2h,
            (_, Tier::Device(_)) => &mut self.h2d,
            (Tier::Host | Tier::Pinned, Tier::Host | Tier::Pinned) => &mut self.h2h,
        };
        direction.add(moved, took);
    }

    /// A forward waited for a transfer.
    pub(crate) fn add_stall(&mut self, waited: Nanos) {
        self.stall = self.stall.plus(waited);
    }

    /// The report of them; `unfinished` transfers did not end.
    pub(crate) fn report(&self, unfinished: u64) -> Transfers {
        let all = [&self.h2d, &self.d2h, &self.d2d, &self.h2h, &self.disk, &self.other];
        Transfers {
            count: all.iter().map(|direction| direction.count).sum(),
            bytes: all.iter().fold(Bytes(0), |bytes, direction| sum(bytes, direction.bytes)),
            ns: all.iter().fold(Nanos(0), |ns, direction| ns.plus(direction.ns)),
            by_direction: Directions {
                h2d: self.h2d.report(),
                d2h: self.d2h.report(),
                d2d: self.d2d.report(),
                h2h: self.h2h.report(),
                disk: self.disk.report(),
                other: self.other.report(),
            },
            pageable_bytes: self.pageable,
            pinned_bytes: self.pinned,
            stall_ns: self.stall,
            unfinished,
        }
    }
}

impl DirectionSums {
    fn add(&mut self, moved: Bytes, took: Nanos) {
        self.count += 1;
        self.bytes = sum(self.bytes, moved);
        self.ns = self.ns.plus(took);
        if took.0 == 0 {
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
            (None, _) => Some("no transfer took any time on the trace's clock"),
        };
        Direction { count: self.count, bytes: self.bytes, ns: self.ns, gbps, gbps_why }
    }
}

pub(super) fn sum(a: Bytes, b: Bytes) -> Bytes {
    Bytes(a.0.saturating_add(b.0))
}
