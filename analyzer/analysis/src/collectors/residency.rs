//! The tier that a module is in, and since when.

use memtrace_format::Tier;

use crate::{Nanos, report::Stay};

/// The most stays of one module that are kept one by one.
const KEPT: usize = 1024;

/// The whereabouts of one module. Its tier changes when a transfer of it ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Whereabouts {
    here: Option<(Tier, Nanos)>,
    stays: Vec<Stay>,
    pub(crate) thinned: bool,
    /// The time in each tier.
    pub(crate) resident: Vec<(Tier, Nanos)>,
}

impl Whereabouts {
    /// A transfer ended at `time`. If it is the first one, the module has been where it came from since it `appeared`.
    pub(crate) fn moved(&mut self, from: Tier, to: Tier, appeared: Nanos, time: Nanos) {
        let (tier, since) = self.here.unwrap_or((from, appeared));
        self.stayed(tier, since, time);
        self.here = Some((to, time));
    }

    /// Begins to count anew: whatever the module has been through, it has been where it is since `now`.
    pub(crate) fn reset_at(&mut self, now: Nanos) {
        let here = self.here.map(|(tier, _)| (tier, now));
        *self = Self { here, ..Self::default() };
    }

    /// The module is gone, or the trace ends.
    pub(crate) fn ended(&mut self, time: Nanos) {
        if let Some((tier, since)) = self.here.take() {
            self.stayed(tier, since, time);
        }
    }

    /// Whether anything is known of where it is now.
    pub(crate) fn is_known(&self) -> bool {
        self.here.is_some()
    }

    /// Whether it is on a device now.
    pub(crate) fn is_on_device(&self) -> bool {
        self.here.is_some_and(|(tier, _)| tier.is_device())
    }

    /// Its stays so far, in the order of time.
    pub(crate) fn stays(&self) -> &[Stay] {
        &self.stays
    }

    fn stayed(&mut self, tier: Tier, from_ns: Nanos, to_ns: Nanos) {
        if tier == Tier::Unknown || to_ns <= from_ns {
            return;
        }
        let spent = to_ns.since(from_ns);
        match self.resident.iter_mut().find(|(resident, _)| *resident == tier) {
            Some((_, sum)) => *sum = sum.plus(spent),
            None => self.resident.push((tier, spent)),
        }
        join(&mut self.stays, Stay { tier, from_ns, to_ns });
        if self.stays.len() > KEPT {
            self.thin();
        }
    }

    /// Joins neighbours until half are left: each group takes the tier of its longest stay.
    fn thin(&mut self) {
        self.thinned = true;
        let (Some(first), Some(last)) = (self.stays.first(), self.stays.last()) else { return };
        let grain = last.to_ns.since(first.from_ns).0 / (KEPT as u64 / 4) + 1;
        let mut thinned: Vec<Stay> = Vec::with_capacity(KEPT);
        let mut group: Option<(Stay, Nanos)> = None;
        for &stay in &self.stays {
            let length = stay.to_ns.since(stay.from_ns);
            let (mut joined, mut longest) = group.take().unwrap_or((stay, length));
            joined.to_ns = stay.to_ns;
            if length > longest {
                (joined.tier, longest) = (stay.tier, length);
            }
            if joined.to_ns.since(joined.from_ns).0 >= grain {
                join(&mut thinned, joined);
            } else {
                group = Some((joined, longest));
            }
        }
        if let Some((joined, _)) = group {
            join(&mut thinned, joined);
        }
        self.stays = thinned;
    }
}

/// Appends a stay; one that continues the last makes it longer.
fn join(stays: &mut Vec<Stay>, stay: Stay) {
    match stays.last_mut() {
        Some(last) if last.tier == stay.tier && last.to_ns == stay.from_ns => last.to_ns = stay.to_ns,
        _ => stays.push(stay),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: Tier = Tier::Device(0);

    fn stay(tier: Tier, from: u64, to: u64) -> Stay {
        Stay { tier, from_ns: Nanos(from), to_ns: Nanos(to) }
    }

    #[test]
    fn a_module_was_where_its_first_transfer_found_it() {
        let mut module = Whereabouts::default();
        module.moved(Tier::Host, DEVICE, Nanos(5), Nanos(20));
        module.moved(DEVICE, Tier::Host, Nanos(5), Nanos(50));
        module.ended(Nanos(60));
        assert_eq!(module.stays(), [stay(Tier::Host, 5, 20), stay(DEVICE, 20, 50), stay(Tier::Host, 50, 60)]);
        assert_eq!(module.resident, [(Tier::Host, Nanos(25)), (DEVICE, Nanos(30))]);
    }

    #[test]
    fn many_stays_are_thinned_and_their_sums_stay_exact() {
        let mut module = Whereabouts::default();
        for n in 0..100_000u64 {
            let (from, to) = if n % 2 == 0 { (Tier::Host, DEVICE) } else { (DEVICE, Tier::Host) };
            module.moved(from, to, Nanos(0), Nanos((n + 1) * 10));
        }
        module.ended(Nanos(1_000_010));
        assert!(module.thinned && module.stays().len() <= KEPT);
        assert!(module.stays().windows(2).all(|pair| pair[0].to_ns == pair[1].from_ns));
        let sum: u64 = module.resident.iter().map(|(_, spent)| spent.0).sum();
        assert_eq!(sum, 1_000_010);
    }
}
