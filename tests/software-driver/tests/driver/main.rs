//! A program on the software driver, through cudarc: each test is a process with its own settings and its own driver.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contexts;
mod copies;
mod faults;
mod memory;
mod pools;
mod process;
mod streams;
mod symbols;
mod threads;
mod virtual_memory;
