#![doc = include_str!("../README.md")]
//!
//! # Modules, in reading order
//!
//! [`calls`] is the interface, a file a chapter of the runtime's manual; [`boundary`] is what each call passes on its way in and
//! out, with a thread's last [`error`]; [`device`] is which device a thread uses, and its primary context; [`driver`] is every
//! call of the driver's that is used.

mod boundary;
mod calls;
mod device;
mod driver;
mod error;
