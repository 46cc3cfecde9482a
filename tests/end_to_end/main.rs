//! Memtrace as its users meet it: programs are recorded, traces are analyzed, and figures are held against what the
//! programs know themselves.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

/// The binaries under test, built when first asked for.
mod programs;

/// What a test needs and a machine may lack.
mod optional;

/// Random histories of memory through tracer and analyzer, against a model that recounts everything at every event.
mod histories;

/// Blocks that one thread hands to another faster than the clock can tell.
mod handed_over;

/// Parts of random histories, against the same model.
mod ranges;

/// Parts of the example engine's runs, cut out.
mod cuts;

/// A monitor's figures on the software driver, and release under pressure.
mod monitor;

/// A profile run as the engine is told of it, and as its trace tells it.
mod profile;

/// The example engine's own books against the analyzer's figures, to the byte, in every tier.
mod truth;

/// The C interface: an engine in C, hostile calls, several shared objects.
mod c_abi;

/// What PyTorch's allocators report, from a stand-in for its library.
mod torch_reports;

/// PyTorch programs, and the Python package.
mod torch;

/// PyTorch unmodified on a device of software, against its own books.
mod software_torch;

/// Faults of the example engine and the remedies for them: the same run with and without, compared.
mod remedies;

/// The example engine on the software CUDA driver.
mod cuda;

/// Devices and the machine, sampled while the program uses them.
mod samples;

/// What device memory is made of.
mod ledger;

/// What had to be loaded at least, and what was hidden, against what the example engine loaded.
mod movement;

/// Faults that are planted in the example engine, and what the rules of the analyzer say of it with and without.
mod findings;

/// The example engine, killed.
mod killed;

/// Programs that know nothing of the tracer, under `memtrace record`.
mod record;

/// Files that commands write: ended early, and where there is no room.
mod writers;

/// Whatever happens to a process that records: nothing it committed is lost, and the recording hurts nobody.
mod survival;

/// Programs that know nothing of the tracer, and what a recording must not hurt them by.
mod bystander;

/// The page of `memtrace report --html`, in a browser.
mod browser;

/// The golden traces, told by the analyzer.
mod golden;

/// The interactive view on a terminal.
mod terminal;

/// The project's own pages: their commands, tables and links.
mod documents;
