use memtrace_analysis::report::DeviceMemory;
use serde_json::Value;

use crate::programs;

/// The worked example that vLLM documents for its own profiling, on the software driver: the engine is told 5 GiB, and the
/// trace alone says the same, figure by figure.
#[test]
fn the_worked_example_needs_five_gibibytes_and_the_trace_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("profile.trace");
    let mut command = programs::figures();
    command.arg("profile").env("MEMTRACE_FILE", &trace);
    command.envs(programs::cuda("16GiB", &[("FOREIGN_BYTES", "1GiB")]));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["non_kv_cache_memory"], 5_i64 << 30);
    assert_eq!(told["weights_memory"], 2_i64 << 30);
    assert_eq!(told["peak_activation"], 2_i64 << 30);
    assert_eq!(told["non_torch_increase"], 1_i64 << 30);

    let report = memtrace_analysis::analyze(&trace).unwrap().report;
    let [found] = &report.profile[..] else { panic!("one profile run, not {}", report.profile.len()) };
    assert_eq!(found.device, 0);
    for (key, found) in [
        ("weights_memory", found.weights_memory),
        ("peak_activation", i64::try_from(found.peak_activation).ok()),
        ("non_torch_increase", found.non_torch_increase),
        ("non_kv_cache_memory", found.non_kv_cache_memory),
    ] {
        assert_eq!(found, told[key].as_i64(), "{key}");
    }
    for (key, found) in [
        ("before_create", found.before_create.as_ref().unwrap()),
        ("before_profile", &found.before_profile),
        ("after_profile", &found.after_profile),
    ] {
        assert_memory(found, &told[key], key);
    }
    let (found, told) = (found.profile_time_ns.0, told["profile_time_ns"].as_u64().unwrap());
    // Two clocks: the trace's is calibrated against the program's, over a run of some milliseconds.
    let most = told + told / 20;
    assert!(found <= most, "the phase of {found} ns lies between the snapshots, {told} ns apart");

    let monitor = &report.samples.monitor[0];
    assert_eq!(monitor.system_peak.map(|bytes| bytes.0), Some(5 << 30), "of all snapshots");
    assert_eq!(monitor.active_peak.map(|bytes| bytes.0), Some(4 << 30), "of all events");
}

fn assert_memory(found: &DeviceMemory, told: &Value, when: &str) {
    let bytes = |key: &str| told[key].as_u64();
    assert_eq!(found.free.map(|bytes| bytes.0), bytes("free"), "{when}");
    assert_eq!(found.total.map(|bytes| bytes.0), bytes("total"), "{when}");
    assert_eq!(Some(found.allocated.0), bytes("allocated"), "{when}");
    assert_eq!(found.reserved.map(|bytes| bytes.0), bytes("reserved"), "{when}");
    assert_eq!(found.non_allocator, told["non_allocator"].as_i64(), "{when}");
}
