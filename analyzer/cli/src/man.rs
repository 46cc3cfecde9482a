//! `memtrace man`: manual pages, made from the flags and their help.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Args, Command, CommandFactory as _};
use clap_mangen::{
    Man,
    roff::{Roff, roman},
};

use crate::{arguments, failure::Failure, output, place::shown};

/// `memtrace man`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    memtrace man -o ~/.local/share/man/man1      then: man memtrace, man memtrace-analyze
    memtrace man -o \"$DESTDIR/usr/share/man/man1\"")]
pub(crate) struct Arguments {
    /// The folder for the pages, one for each command; existing pages are replaced
    #[arg(short, long, value_name = "FOLDER")]
    output: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let folder = &arguments.output;
    let unwritable = |path: &Path| {
        let path = shown(path);
        move |error| Failure::Unwritable { path, error }
    };
    fs::create_dir_all(folder).map_err(unwritable(folder))?;
    let mut whole = arguments::Arguments::command().disable_help_subcommand(true);
    whole.build();
    let commands: Vec<_> = std::iter::once(&whole).chain(whole.get_subcommands()).collect();
    for command in &commands {
        let man = Man::new((*command).clone()).source(format!("memtrace {}", env!("CARGO_PKG_VERSION")));
        let path = folder.join(man.get_filename());
        page(&man, command).and_then(|page| fs::write(&path, page)).map_err(unwritable(&path))?;
    }
    output::print(format_args!("{}: {} pages\n", shown(folder), commands.len()))
}

fn page(man: &Man, command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(notes) = command.get_after_help() {
        // Its lines are columns of examples, and stay as they are.
        let mut roff = Roff::new();
        roff.control("SH", ["NOTES"]).control("nf", []);
        for line in notes.to_string().lines() {
            roff.text([roman(line)]);
        }
        roff.control("fi", []).to_writer(&mut page)?;
    }
    Ok(page)
}
