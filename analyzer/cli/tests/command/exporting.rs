//! `memtrace export` as a shell sees it.

use super::{memtrace, stderr, trace};

#[test]
fn what_is_exported_goes_to_a_file_or_to_standard_output() {
    let (directory, path) = trace();
    let file = directory.path().join("run.csv");
    let file = file.to_str().unwrap();
    let to_file = memtrace(&["export", &path, "--to", "csv", "-o", file]);
    assert_eq!((to_file.status.code(), stderr(&to_file).as_str()), (Some(0), ""));
    let to_stdout = memtrace(&["export", &path, "--to", "csv", "-o", "-"]);
    assert_eq!(std::fs::read(file).unwrap(), to_stdout.stdout);
    assert_eq!(String::from_utf8(to_stdout.stdout).unwrap().lines().count(), 2);
    for (arguments, status, said) in [
        (&["--to", "csv", "-o", file][..], 2, "exists"),
        (&["--to", "csv", "-o", &path, "--force"], 2, "exists"),
        (&["--to", "csv", "-o", "/nowhere/run.csv"], 4, "cannot be written"),
        (&["--to", "spreadsheet"], 2, "possible values: perfetto, torch"),
        (&["--to", "perfetto", "--at", "peak"], 2, "a timeline, not an instant"),
        (&["--to", "flamegraph", "--from", "0"], 2, "an instant, not a timeline"),
        (&["--to", "flamegraph", "--at", "0"], 2, "nothing is live at"),
        (&["--to", "collapsed", "--at", "peak#9"], 2, "try: "),
        #[cfg(not(feature = "parquet"))]
        (&["--to", "parquet"], 2, "try: build it with `--features parquet`"),
        #[cfg(feature = "parquet")]
        (&["--to", "parquet", "--phase", "none"], 2, "no phase is called none"),
        (&["--to", "csv", "--phase", "none"], 2, "no phase is called none"),
        (&["--to", "csv", "--device", "3"], 2, "there is no device 3"),
    ] {
        let output = memtrace(&[&["export", &path][..], arguments].concat());
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{arguments:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
    assert_eq!(memtrace(&["export", "/nowhere", "--to", "csv"]).status.code(), Some(3));
}
