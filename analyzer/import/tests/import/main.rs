//! Recordings of other programs, imported and analyzed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hostile;
mod nsight;
mod pytorch;
mod real;
mod rmm;
mod round_trip;
