//! Traces built in memory, analyzed from files.

mod autopsy;
mod bounds;
mod checkpoints;
mod cuts;
mod damage;
mod devices;
mod diffs;
mod events;
mod filters;
mod findings;
mod golden;
mod growth;
mod heaps;
mod instants;
mod ledger;
mod merge;
mod movement;
mod naive;
mod order;
mod packed;
mod ranges;
mod recording;
mod scrubs;
mod spans;
mod swaps;
mod words;
