#![doc = include_str!("../README.md")]

#[path = "../../software-driver/src/boundary.rs"]
#[allow(dead_code, reason = "the driver passes more")]
mod boundary;
mod calls;
mod code;
#[path = "../../software-driver/src/environment.rs"]
mod environment;
#[path = "../../software-driver/src/faults.rs"]
mod faults;
#[path = "../../software-driver/src/identity.rs"]
mod identity;
mod settings;
mod unit;
