//! Two runs compared: by stack, and who kept what.

use memtrace_analysis::{
    diff::{Diff, StackDiff, Tolerance},
    rendering::DiffText,
    report::Report,
};
use memtrace_format::{
    Address, BlockAlloc, Bytes, Definition, Event, ModuleId, NameId, StackDefinition, StackId,
};

use crate::recording::{Analyzed, DEVICE, Recording};

/// Five jobs; each keeps so much, asked for by `load`, and `decode` asks for the rest.
fn run(kept: u64, decoded: u64) -> Report {
    let mut recording = Recording::new();
    let job = recording.name(1, "job");
    for (id, name) in [(1_u32, "load"), (2, "decode")] {
        let (function, file) = (recording.name(10 + id, name), recording.name(20, "model.py"));
        let stack = StackDefinition { parent: 0, function: function.0, file: file.0, line: 7, address: 0 };
        recording.definitions.push(Definition::Stack(StackId(id), stack));
    }
    let ask = |address, bytes, stack| {
        let size = Bytes(bytes);
        let (module, address) = (ModuleId::NONE, Address(address));
        Event::BlockAlloc(BlockAlloc {
            pool: DEVICE,
            address,
            size,
            requested: size,
            module,
            stack: StackId(stack),
        })
    };
    for number in 0..5 {
        let time = 100 * number;
        recording.at(1, time, Event::ScopeBegin { name: NameId(job.0), phase: false });
        if kept > 0 {
            recording.at(1, time + 1, ask(number << 20, kept, 1));
        }
        recording.at(1, time + 2, ask(1 << 40, decoded, 2));
        recording.at(1, time + 3, crate::recording::free(DEVICE, 1 << 40));
        recording.at(1, time + 4, Event::ScopeEnd { name: job });
    }
    recording.report()
}

#[test]
fn peaks_are_compared_by_stack_and_growth_by_whoever_kept_it() {
    let (sound, leaking) = (run(0, 700), run(64, 900));
    let diff = Diff::between(&sound, &leaking);
    let told = |stack: &StackDiff| {
        let frame = stack.stack[0].recorded().to_owned();
        (frame, stack.bytes.a.unwrap().0, stack.bytes.b.unwrap().0, stack.blocks.difference.unwrap())
    };
    let heap = &diff.heaps[0];
    let expected =
        [("load (model.py:7)".to_owned(), 0, 320, 5), ("decode (model.py:7)".to_owned(), 700, 900, 0)];
    assert_eq!(heap.peak_by_stack.iter().map(told).collect::<Vec<_>>(), expected);
    let kept = &diff.growth.iter().find(|cycle| cycle.name.recorded() == "job").unwrap().heaps[0];
    assert_eq!(kept.retained_bytes_per_cycle.difference, Some(64));
    let [owner] = &kept.by_stack[..] else { panic!("{:?}", kept.by_stack) };
    assert_eq!((owner.bytes.a, owner.bytes.b), (Some(Bytes(0)), Some(Bytes(64))));
    let text = DiffText(&diff).to_string();
    assert!(text.contains("peak by stack") && text.contains("  at load (model.py:7)"), "{text}");
    // The verdict and the trade come before the tables.
    let judged = DiffText(&diff.judged(Tolerance::new(Some(0.0), None))).to_string();
    let place = |words: &str| judged.find(words).unwrap_or_else(|| panic!("no {words} in {judged}"));
    assert!(
        place("WORSE in B") < place("B against A: peak of cuda:0 +")
            && place("B against A") < place("HEAP cuda:0")
    );
    // What is the same is not listed.
    let same = DiffText(&Diff::between(&sound, &sound)).to_string();
    assert!(!same.contains("by stack") && same.contains("B against A: the same peak"), "{same}");
}
