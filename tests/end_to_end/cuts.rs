use memtrace_analysis::Trace;
use proptest::{prelude::*, sample::Index};

use crate::programs;

#[path = "../../analyzer/analysis/tests/traces/cuts/sameness.rs"]
mod sameness;

/// Engines that swap, share a device, fail and leak.
const RUNS: [&[&str]; 6] = [
    &["--tier", "none", "--threads", "3"],
    &["--tier", "medvram", "--checkpoints", "2", "--switches", "3", "--leak"],
    &["--tier", "medvram", "--previews", "1", "--duplicate", "--pinned"],
    &["--tier", "medvram-sdxl", "--model", "sdxl", "--resident", "4MiB", "--empty-cache"],
    &["--tier", "lowvram", "--threads", "2", "--from-image"],
    &["--tier", "lowvram", "--capacity", "2MiB", "--keep-going", "--fragment"],
];

#[test]
fn a_cut_of_a_run_tells_what_the_run_tells_of_the_part() {
    let folder = tempfile::tempdir().unwrap();
    for (number, arguments) in RUNS.into_iter().enumerate() {
        let file = folder.path().join(format!("{number}.trace"));
        let small = ["--device", "host", "--steps", "2", "--jobs", "2"];
        programs::run_diffusion(&file, &[&small[..], arguments].concat(), &[]);
        let trace = Trace::open(&file).unwrap();
        let times: Vec<u64> = trace.events().map(|recorded| recorded.unwrap().time.0).collect();
        let ranges = ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() };
        proptest!(ranges, |(ends in any::<[Index; 2]>())| {
            let mut ends = ends.map(|end| *end.get(&times));
            ends.sort_unstable();
            let found = sameness::differences(&trace, ends[0], ends[1]);
            prop_assert!(found.is_empty(), "{arguments:?} from {} to {}: {found:#?}", ends[0], ends[1]);
        });
    }
}
