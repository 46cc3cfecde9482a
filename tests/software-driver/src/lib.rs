#![doc = include_str!("../README.md")]
//!
//! # Modules, in reading order
//!
//! [`calls`] is the interface, a file a chapter of the driver's manual; [`boundary`] is what each call passes on its
//! way in; [`driver`] owns all state: [`device`]s with their [`device_memory`] and [`frames`] for [`virtual_memory`],
//! [`context`]s and which of them are [`peers`], streams and events behind [`handle`]s with their [`order`], [`graph`]s that are
//! captured, and [`pinned_memory`].

mod address_space;
mod boundary;
mod calls;
mod code;
mod context;
mod device;
mod device_memory;
mod driver;
mod environment;
mod faults;
mod frames;
mod graph;
mod handle;
mod identity;
mod mapping;
mod order;
mod peers;
mod pinned_memory;
mod pool;
mod settings;
mod virtual_memory;
