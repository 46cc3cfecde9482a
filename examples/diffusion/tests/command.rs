//! The engine as a command: what it prints, how it exits, what it leaves in the file of `--acks`.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Runs the engine, small, with weights in `folder`.
fn diffusion(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_diffusion"))
        .env_remove("MEMTRACE_FILE")
        .args(["--device", "host", "--scale", "1/512", "--steps", "2", "--weights"])
        .arg(folder)
        .args(arguments)
        .output()
        .expect("cargo built the engine before this test")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn wrong_options_exit_with_2_and_say_what_to_try() {
    let folder = tempfile::tempdir().unwrap();
    for (option, value) in [("--capacity", "lots"), ("--scale", "0"), ("--width", "500")] {
        let output = diffusion(folder.path(), &[option, value]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("try"), "{}", stderr(&output));
    }
}

#[test]
fn running_out_of_memory_exits_with_1_and_prints_the_books() {
    let folder = tempfile::tempdir().unwrap();
    let small = ["--capacity", "10MiB", "--width", "1024", "--height", "1024", "--json"];
    let output = diffusion(folder.path(), &small);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("try --tier lowvram"));
    let books: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(books["heaps"][0]["ooms"], 1);
    assert_eq!(books["jobs"]["failed"], 1);

    let output = diffusion(folder.path(), &[&small[..], &["--keep-going"]].concat());
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn what_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let output = diffusion(&file, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("try --weights"), "{}", stderr(&output));
}

#[test]
fn acknowledgements_end_as_the_books_say() {
    let folder = tempfile::tempdir().unwrap();
    let acks = folder.path().join("acks");
    let acks_option = acks.to_str().unwrap();
    let output =
        diffusion(folder.path(), &["--tier", "lowvram", "--threads", "2", "--json", "--acks", acks_option]);
    let books: Value = serde_json::from_slice(&output.stdout).unwrap();
    let booked: Vec<u64> = books["threads"]
        .as_array()
        .unwrap()
        .iter()
        .map(|thread| thread["events"].as_u64().unwrap())
        .collect();
    let kept = std::fs::read(acks).unwrap();
    let slots = kept.chunks(64).map(|slot| u64::from_le_bytes(slot[..8].try_into().unwrap()));
    assert_eq!(slots.collect::<Vec<_>>(), booked);
    assert_eq!(booked.len(), 3);
    assert!(booked.iter().all(|events| *events > 0));
}

#[test]
fn the_table_has_a_line_for_every_module() {
    let folder = tempfile::tempdir().unwrap();
    let output = diffusion(folder.path(), &["--tier", "medvram"]);
    let table = String::from_utf8(output.stdout).unwrap();
    for name in ["text_encoder", "unet.time_embed", "unet.output_blocks.11", "vae", "device:0", "host"] {
        assert!(table.lines().any(|line| line.starts_with(name)), "{name} is not in\n{table}");
    }
}
