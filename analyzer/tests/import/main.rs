//! Recordings of other programs, imported and analyzed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod pytorch;
