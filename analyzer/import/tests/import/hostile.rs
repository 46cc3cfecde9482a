//! Snapshots that somebody has damaged, or made to do harm.

use std::path::Path;

use crate::pytorch::snapshots;

fn tiny() -> Option<Vec<Vec<u8>>> {
    let folder = tempfile::tempdir().unwrap();
    snapshots(&["generate", folder.path().to_str().unwrap()])?;
    Some(
        (2..6)
            .map(|protocol| std::fs::read(folder.path().join(format!("tiny.{protocol}.pickle"))).unwrap())
            .collect(),
    )
}

/// What becomes of these bytes; a log that they become can be analyzed.
fn import_and_analyze(path: &Path, bytes: &[u8]) -> bool {
    std::fs::write(path, bytes).unwrap();
    let Ok(trace) = memtrace_import::open_recording(path, &mut |_, _| ()) else { return false };
    trace.analyze(|_| ()).unwrap();
    true
}

#[test]
fn no_beginning_of_a_snapshot_is_one() {
    let Some(snapshots) = tiny() else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    for (protocol, snapshot) in (2..).zip(snapshots) {
        assert!(import_and_analyze(file.path(), &snapshot));
        // Every beginning of the one that real files are of, and many of the others.
        for length in (0..snapshot.len()).step_by(if protocol == 4 { 1 } else { 13 }) {
            assert!(
                !import_and_analyze(file.path(), &snapshot[..length]),
                "{length} of {} bytes",
                snapshot.len()
            );
        }
    }
}

#[test]
fn damaged_snapshots_are_errors_or_logs() {
    let Some(snapshots) = tiny() else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut random = 0x5eed_u64;
    let mut next = || {
        // The generator of splitmix64.
        random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (random ^ random >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) as usize
    };
    let mut logs = 0;
    for snapshot in snapshots {
        for _ in 0..150 {
            let mut damaged = snapshot.clone();
            for _ in 0..=next() % 3 {
                let at = 2 + next() % (damaged.len() - 2);
                damaged[at] = next() as u8;
            }
            logs += u32::from(import_and_analyze(file.path(), &damaged));
        }
    }
    assert!(logs > 0, "damage to a number leaves a snapshot");
}
