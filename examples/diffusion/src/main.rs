//! A miniature Stable Diffusion host, for memtrace to record.
//!
//! It has the shape of the web UIs (a text encoder, a UNet of named blocks, a VAE, and hooks that move them between
//! host and device) and the sizes of the real models, times a factor. It computes nothing, but every byte that the real one
//! would allocate or move is allocated and moved. See `README.md` beside it.

mod allocator;
mod books;
mod capacity;
mod checkpoint;
mod device;
mod driver;
mod engine;
mod extension;
mod fingerprint;
mod hook;
mod host_memory;
mod machine;
mod model;
mod module;
mod options;
mod pipeline;
mod pressure;
mod quantity;
mod recording;
mod residency;
mod streams;
mod tier;
mod unit;
mod weights;

use std::io::{ErrorKind, Write, stdout};
use std::process::ExitCode;

use clap::Parser;

use crate::books::{Report, Table};
use crate::options::Options;

fn main() -> ExitCode {
    let options = Options::parse();
    let report = match engine::run(&options) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("diffusion: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = print(&report, options.json) {
        eprintln!("diffusion: cannot print the books: {error}");
        return ExitCode::FAILURE;
    }
    let well = report.completed && (report.error.is_none() || options.keep_going);
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print(report: &Report, json: bool) -> std::io::Result<()> {
    let text = if json { serde_json::to_string_pretty(report)? } else { Table(report).to_string() };
    match writeln!(stdout(), "{text}") {
        // A reader that has seen enough is no failure.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}
