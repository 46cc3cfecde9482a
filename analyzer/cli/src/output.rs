//! Writing to stdout.

use std::io::{self, BufWriter, Write};

use memtrace_analysis::rendering::write_json;
use serde::Serialize;

use crate::failure::Failure;

/// Prints text.
pub(crate) fn print(text: impl std::fmt::Display) -> Result<(), Failure> {
    write(|out| write!(out, "{text}"))
}

/// Prints JSON.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    write(|out| write_json(value, out))
}

/// Nobody reading is no failure, and changes nothing of what else a command does, nor its exit status.
fn write(print: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    match print(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            // What is left in it would be tried again.
            let _ = out.into_parts();
            Ok(())
        }
        written => written.map_err(Failure::Output),
    }
}
