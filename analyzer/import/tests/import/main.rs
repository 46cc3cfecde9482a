//! Recordings of other programs, imported and analyzed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod containers;
mod hostile;
mod made;
mod nsight;
mod one_instant;
mod profiles;
mod pytorch;
mod real;
mod rmm;
mod round_trip;
