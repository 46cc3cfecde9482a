//! Every view is reached by its keys and exports what it shows. With `UPDATE=1` that is where the pictures of `docs/pictures`
//! come from:
//!
//! ```sh
//! UPDATE=1 cargo test -p memtrace-tests pictures
//! ```

use std::{fs, path::Path};

use memtrace_terminal::{Size, Terminal};

use crate::programs;

const SIZE: Size = Size { columns: 120, rows: 36 };

/// A picture: its name, the run it is of, the keys to get there, and what then stands on the screen.
type Picture = (&'static str, usize, &'static str, &'static str);

/// The runs, by their options.
const RUNS: [&[&str]; 3] = [
    &["--tier", "medvram", "--switches", "4", "--leak"],
    &["--tier", "medvram", "--previews", "1"],
    &["--steps", "4", "--fragment", "--capacity", "120MiB", "--keep-going"],
];

const PICTURES: [Picture; 9] = [
    ("overview", 0, "", "Findings"),
    ("timeline", 0, "2b", "by module"),
    ("residency", 1, "3w", "1 of "),
    ("swaps", 1, "4", "swaps moved"),
    ("map", 2, "j\r", "it keeps"),
    ("live", 0, "6", "blocks · by module"),
    ("growth", 0, "\r", "held at the ends"),
    ("ledger", 0, "8", "who has it"),
    ("events", 2, "9", "events around"),
];

#[test]
fn pictures_of_every_view() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = match std::env::var_os("UPDATE") {
        Some(_) => Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/pictures"),
        None => folder.path().to_owned(),
    };
    for (number, options) in RUNS.iter().enumerate() {
        let options = [&["--device", "host"], *options].concat();
        fs::create_dir(folder.path().join(number.to_string())).unwrap();
        programs::run_diffusion(&folder.path().join(format!("{number}/run.trace")), &options, &[]);
    }
    for (name, run, keys, shown) in PICTURES {
        let trace = folder.path().join(format!("{run}/run.trace"));
        let mut terminal = Terminal::start(programs::memtrace().arg("analyze").arg(trace), SIZE);
        terminal.await_text("Peak");
        for key in keys.chars() {
            terminal.press(&key.to_string());
            terminal.await_silence(std::time::Duration::from_millis(200));
        }
        terminal.await_text(shown);
        let file = pictures.join(format!("{name}.svg"));
        let _ = fs::remove_file(&file);
        // What is suggested is struck out with Ctrl-U.
        terminal.press(&format!("x\x15{}\r", file.display()));
        terminal.await_text("wrote");
        terminal.press("q");
        assert!(terminal.finish().status.success());
        let picture = fs::read_to_string(&file).unwrap();
        let words: Vec<&str> = shown.split(' ').filter(|word| !word.is_empty()).collect();
        assert!(words.iter().all(|word| picture.contains(word)), "{name} shows {shown:?}");
    }
}
