//! The tracer's promises about death, full disks, forks, signals and secrets, with a test for each.
//!
//! The program is `programs/survivor`: it numbers its events and acknowledges each, once the tracer has returned, in a file
//! that it shares with nobody. So these tests know what must be in a log, and read it with a decoder of their own.

/// How an event carries its number; the program has the same file.
#[path = "../../programs/survivor/numbering.rs"]
mod numbering;

/// One run of the program, prepared in a folder of its own.
pub(crate) mod trial;

/// A run that goes on, and how it ended.
pub(crate) mod running;

/// A log, decoded in the plainest way.
mod log;

/// What a log holds of each stream of numbered events.
mod tally;

/// Mounts that hold little or nothing, for programs that record into them.
mod mount;

/// Death by SIGKILL.
mod kill;

/// Disks that are full and places where nothing can be made.
mod disk;

/// Limits on files, descriptors and sizes.
mod limits;

/// Paths that lead to something else than a new file.
mod paths;

/// What becomes of the line that says that recording stops.
mod stderr;

/// Lost events: exactly as many as the log says, for the reason it says.
mod drops;

/// Rings that are read while they are written.
mod live;

/// Threads that come and go, more of them and faster than the tracer expects.
mod storms;

/// Children of every kind.
mod children;

/// Children that record as well.
mod following;

/// Many processes and one name.
mod names;

/// Threads that end, and the ways in which a process ends.
mod endings;

/// Signals whose handlers record.
mod signals;

/// What others may see of a log, and what is in it.
mod privacy;

/// Descriptors of the program's own.
mod descriptors;

/// The times of a log against the program's clocks.
mod clocks;

/// What outlives the loss of power, if that is asked for.
mod power;
