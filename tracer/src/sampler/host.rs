//! Rounds of the host: its memory, this process in it, and pressure.

use std::time::{Duration, Instant};

use memtrace_format::{CounterValue, SampleSource, SampledCounter as Counter};

use super::{
    recorder::{Figure, Recorder, bytes},
    rounds::Sources,
};
use crate::{
    sampling::Plan,
    sources::{Host, MachineMemory, PageFaults, Pressure, Reading, Stalls, Unavailable},
};

/// Dearer than this, the proportional share is left out unless it was asked for: the kernel computes it under a lock that the
/// program's threads take to map memory.
const CHEAP: Duration = Duration::from_millis(5);

/// What can be read of the host.
pub(super) struct HostSources {
    host: Host,
    pressure: Pressure,
    proportional_at_any_price: bool,
}

impl HostSources {
    pub(super) fn open(plans: &[Plan]) -> Self {
        let asked_for = |plan: &Plan| plan.source == SampleSource::Pss && plan.asked_for;
        Self {
            host: Host::open(),
            pressure: Pressure::open(),
            proportional_at_any_price: plans.iter().any(asked_for),
        }
    }

    fn read_host(&self, recorder: &mut Recorder) {
        const MACHINE: [Figure<MachineMemory>; 4] = [
            (Counter::HostFree, |memory| bytes(memory.free)),
            (Counter::HostAvailable, |memory| bytes(memory.available)),
            (Counter::HostTotal, |memory| bytes(memory.total)),
            (Counter::HostSwapUsed, |memory| bytes(memory.swap_used)),
        ];
        const FAULTS: [Figure<PageFaults>; 2] = [
            (Counter::MinorFaults, |faults| CounterValue::Integer(faults.minor)),
            (Counter::MajorFaults, |faults| CounterValue::Integer(faults.major)),
        ];
        recorder
            .figures(None, &[(Counter::HostResident, |&resident| bytes(resident))], || self.host.resident());
        recorder.figures(None, &MACHINE, || self.host.machine());
        recorder.figures(None, &FAULTS, || self.host.page_faults());
    }

    fn read_proportional(&self, recorder: &mut Recorder) -> Reading<()> {
        let begun = Instant::now();
        recorder.figures(None, &[(Counter::HostProportional, |&share| bytes(share))], || {
            self.host.proportional()
        });
        let took = begun.elapsed();
        if took > CHEAP && !self.proportional_at_any_price {
            let why =
                format!("it takes {} ms; MEMTRACE_SAMPLE=pss=RATE has it at that price", took.as_millis());
            return Err(Unavailable::Failed { call: "a cheap read of /proc/self/smaps_rollup", why });
        }
        Ok(())
    }

    fn read_pressure(&self, recorder: &mut Recorder) {
        const MACHINE: [Counter; 4] = [
            Counter::PressureSome,
            Counter::PressureFull,
            Counter::PressureSomeTotal,
            Counter::PressureFullTotal,
        ];
        const CGROUP: [Counter; 4] = [
            Counter::CgroupPressureSome,
            Counter::CgroupPressureFull,
            Counter::CgroupPressureSomeTotal,
            Counter::CgroupPressureFullTotal,
        ];
        recorder.figures(None, &stalls(MACHINE), || self.pressure.system());
        recorder.figures(None, &stalls(CGROUP), || self.pressure.cgroup());
    }
}

fn stalls([some, full, some_total, full_total]: [Counter; 4]) -> [Figure<Stalls>; 4] {
    fn nanoseconds(time: Duration) -> CounterValue {
        CounterValue::Integer(time.as_nanos() as u64)
    }
    [
        (some, |stalls| CounterValue::Float(stalls.some.percent)),
        (full, |stalls| CounterValue::Float(stalls.full.percent)),
        (some_total, |stalls| nanoseconds(stalls.some.total)),
        (full_total, |stalls| nanoseconds(stalls.full.total)),
    ]
}

impl Sources for HostSources {
    fn read(&mut self, source: SampleSource, recorder: &mut Recorder) -> Reading<()> {
        match source {
            SampleSource::Pss => return self.read_proportional(recorder),
            SampleSource::Pressure => self.read_pressure(recorder),
            _ => self.read_host(recorder),
        }
        Ok(())
    }
}
