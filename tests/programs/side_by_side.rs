//! Prints what a program says of itself beside what the analyzer says of it: `side-by-side PROGRAM BOOKS REPORT`, where
//! PROGRAM is `diffusion`, `cudarc` or `c` and the others are files of JSON. Status 1: they differ.

use std::{env, error::Error, fs, process::ExitCode};

use memtrace_tests::oracle::Program;
use serde_json::Value;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [program, books, report] = &arguments[..] else {
        return Err("usage: side-by-side PROGRAM BOOKS REPORT".into());
    };
    let program = Program::named(program).ok_or("PROGRAM is diffusion, cudarc or c")?;
    let read = |file| -> Result<Value, Box<dyn Error>> { Ok(serde_json::from_slice(&fs::read(file)?)?) };
    let figures = program.figures(&read(books)?, &read(report)?);

    println!("{:<44} {:>16} {:>16}", "", "the program", "memtrace");
    for figure in figures.iter().filter(|figure| !figure.detail || !figure.agrees()) {
        println!("{figure}");
    }
    let details = figures.iter().filter(|figure| figure.detail && figure.agrees()).count();
    if details > 0 {
        println!("and {details} figures of modules, which are the same");
    }
    Ok(if figures.iter().all(|figure| figure.agrees()) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
