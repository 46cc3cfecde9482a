use super::{assert_found, assert_silent};
use crate::truth::Run;

/// An extension takes all memory, keeps a small block in every segment of its own, and asks for more than any hole.
#[test]
fn it_is_found_with_a_block_in_every_segment_and_not_without() {
    let arguments = ["--steps", "1"];
    let with_fault = Run::told(&arguments, &["--fragment"]).report;
    let found = assert_found(&with_fault, "fragmentation");
    let kept: u64 = found.places.iter().map(|place| place.bytes.unwrap().0).sum();
    assert!(kept >= 64 << 20, "{found:#?}");
    assert!(found.evidence.recorded().contains("of free memory beside them"), "{found:#?}");
    // What the evidence names is in the report: each of these pins is one small block of the extension.
    let heap = with_fault.heaps.iter().find(|heap| heap.device.is_some()).unwrap();
    let pinned = &heap.fragmentation.as_ref().unwrap().most_pinned;
    let mine = pinned.layout.pins.iter().filter(|pin| pin.blocks[0].scope.recorded().contains("extension"));
    assert!(mine.map(|pin| pin.frees_bytes.0).sum::<u64>() >= 64 << 20, "{pinned:#?}");
    assert_silent(&Run::told(&arguments, &[]).report, "fragmentation");
}
