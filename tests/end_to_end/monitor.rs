use serde_json::{Value, json};

use crate::programs;

const GIB: u64 = 1 << 30;

/// A device of 16 GiB, of which other processes have 1.
const OTHERS: (&str, &str) = ("FOREIGN_BYTES", "1GiB");

/// What the program of figures prints, and what it says on stderr.
fn figures(what: &str, settings: &[(&str, &str)]) -> (Value, String) {
    let mut command = programs::figures();
    command.arg(what).envs(programs::cuda("16GiB", settings));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{what}: {}\n{said}", output.status);
    (serde_json::from_slice(&output.stdout).unwrap(), said)
}

#[test]
fn a_monitor_shows_what_is_and_the_most_that_was() {
    let (monitors, said) = figures("monitor", &[OTHERS]);
    assert_eq!(said, "");
    let gib = |figures: [u64; 8]| {
        let keys = [
            "free",
            "total",
            "active",
            "active_peak",
            "reserved",
            "reserved_peak",
            "min_free",
            "system_peak",
        ];
        let figures = figures.map(|figure| json!(figure * GIB));
        Value::from_iter(keys.map(str::to_owned).into_iter().zip(figures))
    };
    // The peaks of before are forgotten, and those after `stop` are the allocator's alone.
    let polled = json!([
        gib([15, 16, 0, 0, 0, 0, 15, 1]),
        gib([15, 16, 0, 3, 0, 3, 12, 4]),
        gib([15, 16, 0, 3, 0, 3, 12, 4])
    ]);
    assert_eq!(monitors[0], polled);
    // Without polls, only the calls look at the device.
    let unpolled = json!([
        gib([15, 16, 0, 0, 0, 0, 15, 1]),
        gib([15, 16, 0, 3, 0, 3, 15, 1]),
        gib([15, 16, 0, 3, 0, 3, 15, 1])
    ]);
    assert_eq!(monitors[1], unpolled);
}

#[test]
fn a_monitor_without_an_allocator_shows_the_driver_s_pool() {
    let (figures, _) = figures("pool", &[OTHERS]);
    assert_eq!((&figures["active"], &figures["active_peak"]), (&json!(0), &json!(GIB)));
    assert_eq!((&figures["reserved_peak"], &figures["system_peak"]), (&json!(GIB), &json!(2 * GIB)));
}

/// The driver fails in the middle of the run: the monitor says so once, and shows what is left.
#[test]
fn a_device_that_is_gone_is_not_monitored_any_more() {
    let (monitors, said) = figures("monitor", &[("FAULTS", "cuMemGetInfo_v2:2+=999")]);
    let last = &monitors[0][1];
    assert_eq!((&last["free"], &last["system_peak"]), (&Value::Null, &Value::Null));
    assert_eq!(last["active_peak"], json!(3 * GIB));
    // There are two monitors.
    assert_eq!(said.matches("device 0 is not monitored any more").count(), 2, "{said}");
}

#[test]
fn caches_are_released_under_pressure_and_the_log_says_so() {
    let (came, _) = figures("pressure", &[]);
    assert_eq!(came, json!(["not integrated", "not integrated", "not integrated"]));

    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("pressure.trace");
    let mut command = programs::figures();
    command.arg("pressure").env("MEMTRACE_FILE", &trace);
    let output = command.envs(programs::cuda("16GiB", &[("INTEGRATED", "1")])).output().unwrap();
    let came: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(came, json!([{ "too little": 0 }, "no pressure", { "released": GIB }]));
    let analysis = memtrace_analysis::analyze(&trace).unwrap();
    let mark =
        analysis.report.marks.iter().find(|mark| mark.name.recorded() == "released under pressure").unwrap();
    assert_eq!(mark.count, 1);
    let value = analysis.timeline.instants.iter().find_map(|instant| match &instant.what {
        memtrace_analysis::timeline::Happening::Mark { name, value } if name == &mark.name => Some(*value),
        _ => None,
    });
    assert_eq!(value, Some(GIB));
}

#[test]
fn what_the_machine_has_is_known_or_an_error() {
    let (machine, _) = figures("machine", &[]);
    assert!(machine["cpu_memory"].as_u64().unwrap() > 0);
    assert_eq!(machine["max_shared_memory"], json!({ "Ok": 99 << 10 }));
    let error = machine["of_no_device"]["Err"].as_str().unwrap();
    assert!(error.starts_with("the shared memory of device 7: "), "{error}");
    assert_eq!(machine["free"], json!({ "Ok": 16 * GIB }));

    let (integrated, _) = figures("machine", &[("INTEGRATED", "1")]);
    let free = integrated["free"]["Ok"].as_u64().unwrap();
    assert!(
        free != 16 * GIB && free < integrated["cpu_memory"].as_u64().unwrap(),
        "it is the host's: {free}"
    );

    let output =
        programs::figures().arg("machine").envs(programs::cuda("16GiB", &[("DEVICES", "0")])).output();
    let nothing: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    assert!(nothing["max_shared_memory"]["Err"].is_string() && nothing["free"]["Err"].is_string());
}
