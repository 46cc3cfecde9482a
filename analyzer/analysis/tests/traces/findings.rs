//! Rules whose faults cannot be planted in a machine that others use: what they say of recordings that have them.

use memtrace_analysis::report::{Finding, FindingVerdict, Report};
use memtrace_format::{
    CounterDefinition, CounterId, CounterValue, Definition, Ending, Event, ModuleId, SampledCounter,
};

use crate::recording::{Analyzed, DEVICE, HOST, Recording, alloc, free};

const GIB: u64 = 1 << 30;

const SAMPLED: [SampledCounter; 5] = [
    SampledCounter::HostAvailable,
    SampledCounter::HostTotal,
    SampledCounter::HostSwapUsed,
    SampledCounter::PressureFull,
    SampledCounter::CgroupPressureFull,
];

/// A recording of these samples of the host, each at a time of its own, that ended like this.
fn host(samples: &[(SampledCounter, CounterValue)], ending: Option<Ending>) -> Report {
    let mut recording = Recording::new();
    for (id, counter) in (1..).zip(SAMPLED) {
        let name = counter.name().to_owned();
        let definition = CounterDefinition { name, unit: counter.unit() as u8, device: 0 };
        recording.definitions.push(Definition::Counter(CounterId(id), definition));
    }
    for (time, &(counter, value)) in (1..).zip(samples) {
        let id = SAMPLED.iter().position(|&sampled| sampled == counter).expect("it is one of them");
        let counter = CounterId(id as u32 + 1);
        recording.at(1, time, Event::CounterSample { counter, value });
    }
    if let Some(ending) = ending {
        recording.close(ending, 1000);
    }
    recording.report()
}

fn finding<'a>(report: &'a Report, id: &str) -> &'a Finding {
    report.findings.iter().find(|finding| finding.id == id).expect("every rule says something")
}

fn gib(gib: u64) -> CounterValue {
    CounterValue::Integer(gib * GIB)
}

/// A host of 100 GiB with so much available, and something else.
fn with(available: u64, more: &[(SampledCounter, CounterValue)]) -> Report {
    let all = [(SampledCounter::HostAvailable, gib(available)), (SampledCounter::HostTotal, gib(100))];
    host(&[&all[..], more].concat(), Some(Ending::Clean))
}

#[test]
fn a_host_that_is_short_of_memory_is_found() {
    use FindingVerdict::{Fail, Ok, Warn};
    let full = |percent| (SampledCounter::PressureFull, CounterValue::Float(percent));
    let cgroup = |percent| (SampledCounter::CgroupPressureFull, CounterValue::Integer(percent));
    let swap = |bytes| (SampledCounter::HostSwapUsed, CounterValue::Integer(bytes));
    for (report, verdict, says) in [
        (with(60, &[full(4.9), cgroup(0)]), Ok, "at least 60.00 GiB of 100.00 GiB was available"),
        (with(4, &[]), Warn, "only 4.00 GiB"),
        (with(0, &[]), Fail, "only 0 B"),
        (with(60, &[full(5.1)]), Warn, "every task of the machine waited"),
        (
            with(60, &[cgroup(30)]),
            Fail,
            "every task of the container or cgroup waited for memory for up to 30%",
        ),
        // What lay in swap before is nobody's fault.
        (with(60, &[swap(8 * GIB), swap(8 * GIB)]), Ok, "at least"),
        (with(60, &[swap(8 * GIB), swap(9 * GIB)]), Warn, "1.00 GiB more was swapped out (9.00 GiB in all)"),
    ] {
        let found = finding(&report, "host-pressure");
        assert_eq!(found.verdict, verdict, "{found:#?}");
        assert!(found.evidence.recorded().contains(says), "no {says} in {found:#?}");
        assert_eq!(found.advice.is_empty(), verdict == Ok);
    }
    let silent = host(&[], Some(Ending::Clean));
    assert_eq!(finding(&silent, "host-pressure").verdict, FindingVerdict::Na);
}

#[test]
fn a_killed_process_is_found_with_the_state_of_the_host() {
    let little = [(SampledCounter::HostAvailable, gib(1)), (SampledCounter::HostTotal, gib(100))];
    let killed = host(&little, None);
    let found = finding(&killed, "killed");
    assert_eq!(found.verdict, FindingVerdict::Warn);
    assert!(found.evidence.recorded().contains("1.00 GiB of 100.00 GiB host memory was available then"));
    let plenty = [(SampledCounter::HostAvailable, gib(50)), (SampledCounter::HostTotal, gib(100))];
    let found = host(&plenty, None);
    assert!(!finding(&found, "killed").evidence.recorded().contains("host memory"));
    assert_eq!(finding(&host(&plenty, Some(Ending::Clean)), "killed").verdict, FindingVerdict::Ok);
    // It was stopped: the process went on, and who recorded says so.
    let stopped = host(&plenty, Some(Ending::Stopped));
    assert_eq!(finding(&stopped, "losses").verdict, FindingVerdict::Warn);
    assert!(finding(&stopped, "losses").evidence.recorded().contains("before the process ended: disk"));
}

#[test]
fn events_that_contradict_each_other_are_found_unless_some_are_missing() {
    let mut recording = Recording::new();
    // What was there before recording began is no contradiction.
    recording.at(1, 1, free(DEVICE, 512));
    recording.at(1, 2, Event::ForwardEnd(ModuleId(1)));
    recording.close(Ending::Clean, 100);
    assert_eq!(finding(&recording.report(), "oddities").verdict, FindingVerdict::Ok);
    recording.at(1, 3, alloc(HOST, 64, 10, 10));
    recording.at(1, 4, alloc(HOST, 64, 10, 10));
    let report = recording.report();
    let found = finding(&report, "oddities");
    assert_eq!(found.verdict, FindingVerdict::Fail, "one in five");
    assert!(found.evidence.recorded().contains("1 × alloc at the address of a live block"));
    for n in 0..2000 {
        recording.at(1, 5 + n, alloc(HOST, (1 + n) << 20, 10, 10));
    }
    assert_eq!(finding(&recording.report(), "oddities").verdict, FindingVerdict::Warn);
    recording.drops.add(memtrace_format::DropCause::NoChunk, 1);
    assert_eq!(finding(&recording.report(), "oddities").verdict, FindingVerdict::Na);
}

/// Pinned memory rounded up to powers of two, and as it was asked for.
#[test]
fn blocks_that_are_rounded_up_are_found() {
    use memtrace_format::{HeapDefinition, HeapId, MemoryKind, PoolDefinition, PoolId};
    let report = |size: u64| {
        let mut recording = Recording::new();
        let heap = HeapDefinition { name: "pinned".to_owned(), kind: MemoryKind::Pinned as u8, device: 0 };
        recording.definitions.push(Definition::Heap(HeapId(3), heap));
        let pool = PoolDefinition { heap: 3, name: String::new(), stream: 0 };
        recording.definitions.push(Definition::Pool(PoolId(3), pool));
        for number in 1..=8 {
            recording.at(1, number, alloc(PoolId(3), number << 32, size, 130 << 20));
        }
        recording.report()
    };
    let rounded = report(256 << 20);
    let found = finding(&rounded, "rounding-waste");
    assert_eq!(found.verdict, FindingVerdict::Warn, "{found:#?}");
    assert!(
        found.evidence.recorded().contains("1.02 GiB were asked for and 2.00 GiB handed out"),
        "{found:#?}"
    );
    assert!(found.advice.recorded().contains("power of two"), "{found:#?}");
    assert_eq!(finding(&report(130 << 20), "rounding-waste").verdict, FindingVerdict::Ok);
}
