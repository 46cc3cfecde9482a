//! Traces built in memory, analyzed from files.

mod damage;
mod devices;
mod heaps;
mod merge;
mod movement;
mod ranges;
mod recording;
mod spans;
mod words;
