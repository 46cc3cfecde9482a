//! The ledger of device memory: samples and events put together, each at its own instant.

use memtrace_analysis::{
    Nanos, TraceRange,
    rendering::ReportText,
    report::{Known, LedgerEntry, LedgerMoment, Report},
};
use memtrace_format::{
    Bytes, CounterDefinition, CounterId, CounterValue, Definition, Event, NotSampled, OutOfMemory,
    SampledCounter, StackId,
};
use proptest::prelude::*;

use crate::recording::{Analyzed, DEVICE, Recording, alloc, segment};

const SAMPLED: [SampledCounter; 8] = [
    SampledCounter::DriverTotal,
    SampledCounter::DriverFree,
    SampledCounter::OwnDeviceMemory,
    SampledCounter::OtherDeviceMemory,
    SampledCounter::NvmlUsed,
    SampledCounter::NvmlFree,
    SampledCounter::HostAvailable,
    SampledCounter::DriverIntegrated,
];

/// All of the device that these tests have.
const TOTAL: u64 = 1000;

fn recording() -> Recording {
    let mut recording = Recording::new();
    for (id, counter) in (1..).zip(SAMPLED) {
        let device = u32::from(counter.scope() == "device");
        let definition =
            CounterDefinition { name: counter.name().to_owned(), unit: counter.unit() as u8, device };
        recording.definitions.push(Definition::Counter(CounterId(id), definition));
    }
    recording
}

fn sample(recording: &mut Recording, time: u64, counter: SampledCounter, value: u64) {
    let position = SAMPLED.iter().position(|&sampled| sampled == counter).expect("it is known");
    let counter = CounterId(position as u32 + 1);
    recording.at(2, time, Event::CounterSample { counter, value: CounterValue::Integer(value) });
}

/// What the driver says: all, and free.
fn driver(recording: &mut Recording, time: u64, free: u64) {
    sample(recording, time, SampledCounter::DriverFree, free);
    sample(recording, time, SampledCounter::DriverTotal, TOTAL);
}

/// What the list of processes says.
fn processes(recording: &mut Recording, time: u64, own: u64, others: u64) {
    sample(recording, time, SampledCounter::OwnDeviceMemory, own);
    sample(recording, time, SampledCounter::OtherDeviceMemory, others);
}

fn reserve(recording: &mut Recording, time: u64, address: u64, size: u64) {
    recording.at(1, time, Event::SegmentAlloc(segment(address, size)));
}

/// The lines of the report, with one space where there are more.
fn lines(report: &Report) -> Vec<String> {
    let text = ReportText(report).to_string();
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn entry(report: &Report, moment: LedgerMoment) -> &LedgerEntry {
    report.ledger.iter().find(|entry| entry.at.contains(&moment)).expect("it is known")
}

/// Reserved, beside it of this process, of others, unaccounted, free.
fn split(entry: &LedgerEntry) -> [i64; 5] {
    let bytes = |bytes: Option<Bytes>| bytes.expect("it is known").0 as i64;
    [
        bytes(entry.allocator_reserved),
        entry.non_allocator.expect("it is known"),
        bytes(entry.other_processes),
        entry.unaccounted.expect("it is known"),
        bytes(entry.free),
    ]
}

#[test]
fn what_a_device_is_made_of_adds_up_at_every_instant() {
    let mut recording = recording();
    driver(&mut recording, 10, 850);
    processes(&mut recording, 11, 50, 90);
    reserve(&mut recording, 20, 0, 400);
    recording.at(1, 21, alloc(DEVICE, 0, 300, 300));
    driver(&mut recording, 30, 450);
    // The process grows by 400 + 20, others by 30; and the display has 10, as before.
    processes(&mut recording, 40, 470, 120);
    driver(&mut recording, 41, 400);
    // No sample sees this: it is at its own peak, and gone again.
    reserve(&mut recording, 50, 1 << 20, 100);
    recording.at(1, 55, Event::SegmentFree(segment(1 << 20, 100)));
    driver(&mut recording, 60, 420);
    let report = recording.report();
    let of = |moment| entry(&report, moment);
    assert_eq!(split(of(LedgerMoment::Begin)), [0, 50, 90, 10, 850]);
    let peak = of(LedgerMoment::DevicePeak);
    assert_eq!((peak.time_ns.0, split(peak)), (41, [400, 70, 120, 10, 400]));
    assert_eq!((peak.allocator_active, peak.allocator_inactive), (Some(Bytes(300)), Some(Bytes(100))));
    assert_eq!((peak.used, peak.beside_allocator, peak.known), (Some(Bytes(600)), Some(200), Known::Sampled));
    assert!(peak.at.contains(&LedgerMoment::LeastFree), "it is one entry");
    let reserved = of(LedgerMoment::AllocatorPeak);
    assert_eq!((reserved.time_ns.0, split(reserved)), (50, [500, 70, 120, 10, 300]));
    let free = reserved.sources.free.unwrap();
    assert_eq!((free.source, free.time_ns.0, free.moved), ("driver", 41, true));
    // Somebody gave 20 back, and the list of processes was not read since.
    let end = of(LedgerMoment::End);
    assert_eq!((end.time_ns.0, split(end)), (60, [400, 70, 120, -10, 420]));
    assert_eq!(end.sources.own_process.unwrap().time_ns.0, 40);
    let text = lines(&report);
    for line in [
        "LEDGER of device 0 begin most in use, least free most reserved end",
        "this process, other memory 50 B 70 B 70 B 70 B",
        "unaccounted 10 B 10 B 10 B −10 B",
    ] {
        assert!(text.iter().any(|other| other == line), "no {line} in {text:#?}");
    }
}

#[test]
fn what_nobody_said_is_missing_with_the_reason() {
    let mut recording = recording();
    let note = NotSampled { what: "processes", device: None, why: "no such list" }.to_string();
    let note = recording.name(1, &note);
    recording.at(2, 1, Event::Mark { name: note, value: 0 });
    reserve(&mut recording, 2, 0, 100);
    recording.at(1, 3, alloc(DEVICE, 0, 60, 60));
    let silent = recording.report();
    let end = entry(&silent, LedgerMoment::End);
    assert_eq!((end.free, end.used, end.beside_allocator), (None, None, None));
    assert_eq!(end.free_why.as_ref().unwrap().recorded(), "it was not sampled");
    assert_eq!((end.allocator_reserved, end.known), (Some(Bytes(100)), Known::Exact));
    assert_eq!(end.total, Some(Bytes(1 << 30)), "the engine said so");
    assert!(!lines(&silent).iter().any(|line| line.contains("LEDGER")), "the heaps say as much");

    driver(&mut recording, 5, 700);
    let report = recording.report();
    let end = entry(&report, LedgerMoment::End);
    assert_eq!((end.non_allocator, end.other_processes, end.unaccounted), (None, None, None));
    for why in [&end.non_allocator_why, &end.other_processes_why, &end.unaccounted_why] {
        assert_eq!(why.as_ref().unwrap().recorded(), "no such list");
    }
    assert_eq!(end.beside_allocator, Some(200), "what is known of it together");
    let text = lines(&report);
    for line in ["? whose it is beside the allocator: no such list", "all that is beside it ? 200 B"] {
        assert!(text.iter().any(|other| other == line), "no {line} in {text:#?}");
    }
}

#[test]
fn nvml_stands_in_for_a_driver_that_was_not_asked() {
    let mut recording = recording();
    sample(&mut recording, 1, SampledCounter::NvmlUsed, 300);
    sample(&mut recording, 1, SampledCounter::NvmlFree, 600);
    let report = recording.report();
    let end = entry(&report, LedgerMoment::End);
    assert_eq!((end.total, end.free), (Some(Bytes(900)), Some(Bytes(600))));
    assert_eq!(end.sources.free.unwrap().source, "nvml");
    assert_eq!(end.allocator_reserved, None, "no heap of it is recorded");
    assert!(end.allocator_reserved_why.is_some() && end.beside_allocator_why.is_some());
    driver(&mut recording, 2, 555);
    sample(&mut recording, 3, SampledCounter::NvmlFree, 600);
    let report = recording.report();
    assert_eq!(entry(&report, LedgerMoment::End).free, Some(Bytes(555)), "the driver goes before");
}

#[test]
fn an_integrated_device_has_what_its_host_has_free() {
    let mut recording = recording();
    sample(&mut recording, 1, SampledCounter::DriverIntegrated, 1);
    sample(&mut recording, 1, SampledCounter::HostAvailable, 800);
    driver(&mut recording, 2, 100);
    let report = recording.report();
    let end = entry(&report, LedgerMoment::End);
    assert_eq!((end.free, end.sources.free.unwrap().source), (Some(Bytes(800)), "host"));
    assert!(end.non_allocator_why.as_ref().unwrap().recorded().contains("is the host's"));
}

#[test]
fn a_failed_request_has_the_engine_s_word_for_what_was_free() {
    let mut recording = recording();
    driver(&mut recording, 1, 900);
    processes(&mut recording, 1, 40, 60);
    reserve(&mut recording, 2, 0, 500);
    let failed = |free| {
        Event::OutOfMemory(OutOfMemory { pool: DEVICE, requested: Bytes(700), free, stack: StackId::NONE })
    };
    recording.at(1, 3, failed(Some(Bytes(250))));
    recording.at(1, 4, failed(None));
    let report = recording.report();
    let ooms: Vec<_> = report.ledger.iter().filter(|entry| entry.at == [LedgerMoment::Oom]).collect();
    assert_eq!(split(ooms[0]), [500, 40, 60, 150, 250]);
    assert_eq!(ooms[0].sources.free.unwrap().source, "engine");
    assert_eq!(split(ooms[1]), [500, 40, 60, 0, 400]);
}

#[test]
fn a_range_begins_with_what_was_said_before_it() {
    let mut recording = recording();
    driver(&mut recording, 10, 900);
    reserve(&mut recording, 20, 0, 300);
    driver(&mut recording, 30, 600);
    recording.at(1, 40, Event::SegmentFree(segment(0, 300)));
    driver(&mut recording, 50, 880);
    let part =
        |from, to| recording.part(&TraceRange::Between { from: Nanos(from), to: Some(Nanos(to)) }).unwrap();
    let report = part(25, 45);
    let free = |moment| entry(&report, moment).free.unwrap().0;
    assert_eq!(free(LedgerMoment::Begin), 600, "900, less what was reserved since");
    assert_eq!((free(LedgerMoment::DevicePeak), free(LedgerMoment::End)), (600, 900));
    let report = part(45, 60);
    assert_eq!(entry(&report, LedgerMoment::LeastFree).free, Some(Bytes(880)), "after 900 at its beginning");
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Reserve(u64),
    Release,
    Free(u64),
    Processes(u64, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1u64..200).prop_map(Step::Reserve),
        Just(Step::Release),
        (0u64..=TOTAL).prop_map(Step::Free),
        (0u64..500, 0u64..500).prop_map(|(own, others)| Step::Processes(own, others)),
    ]
}

proptest! {
    /// Whatever samples say, and however they contradict each other: the figures are those of a naive account, and add up.
    #[test]
    fn a_ledger_is_as_a_naive_account_has_it(steps in prop::collection::vec(step(), 1..80)) {
        let mut recording = recording();
        let mut segments: Vec<(u64, u64)> = Vec::new();
        let held = |segments: &[(u64, u64)]| segments.iter().map(|segment| segment.1).sum::<u64>() as i64;
        // Every sample of the driver with what was held then; the last list of processes.
        let mut samples: Vec<(u64, u64, i64)> = Vec::new();
        let mut list: Option<(u64, u64, i64)> = None;
        let mut most = (0, 0);
        for (time, step) in (1u64..).zip(&steps) {
            match *step {
                Step::Reserve(size) => {
                    segments.push((time << 20, size));
                    reserve(&mut recording, time, time << 20, size);
                    if held(&segments) > most.1 {
                        most = (time, held(&segments));
                    }
                }
                Step::Release => if let Some((address, size)) = segments.pop() {
                    recording.at(1, time, Event::SegmentFree(segment(address, size)));
                },
                Step::Free(free) => {
                    driver(&mut recording, time, free);
                    samples.push((time, free, held(&segments)));
                }
                Step::Processes(own, others) => {
                    processes(&mut recording, time, own, others);
                    list = Some((own, others, held(&segments)));
                }
            }
        }
        recording.close(memtrace_format::Ending::Clean, steps.len() as u64 + 1);
        let report = recording.report();
        for entry in &report.ledger {
            if let (Some(_), Some(unaccounted)) = (entry.used, entry.unaccounted)
                && let Some(reserved) = entry.allocator_reserved
            {
                let sum = entry.free.unwrap().0 as i64 + reserved.0 as i64 + unaccounted
                    + entry.non_allocator.unwrap() + entry.other_processes.unwrap().0 as i64;
                prop_assert_eq!(sum, entry.total.unwrap().0 as i64);
            }
        }
        let Some(end) = report.ledger.iter().find(|entry| entry.at.contains(&LedgerMoment::End)) else {
            return Ok(());
        };
        let ever_reserved = most.1 > 0;
        prop_assert_eq!(
            end.allocator_reserved.map(|bytes| bytes.0 as i64),
            ever_reserved.then(|| held(&segments))
        );
        let last = samples.last().map(|&(_, free, then)| (free as i64 + then - held(&segments)).clamp(0, TOTAL as i64));
        prop_assert_eq!(end.free.map(|bytes| bytes.0 as i64), last);
        if let Some((own, others, then)) = list.filter(|_| ever_reserved) {
            prop_assert_eq!(end.non_allocator, Some(own as i64 - then));
            prop_assert_eq!(end.other_processes, Some(Bytes(others)));
        }
        if let Some(least) = samples.iter().map(|sample| sample.1).min() {
            prop_assert_eq!(entry(&report, LedgerMoment::LeastFree).free, Some(Bytes(least)));
            prop_assert_eq!(entry(&report, LedgerMoment::DevicePeak).used, Some(Bytes(TOTAL - least)));
        }
        if ever_reserved {
            let peak = entry(&report, LedgerMoment::AllocatorPeak);
            prop_assert_eq!((peak.time_ns.0, peak.allocator_reserved.unwrap().0 as i64), most);
        }
    }
}
