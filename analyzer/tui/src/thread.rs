//! Threads that end with the process.

use std::thread;

/// Starts a thread that ends with the process.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(work);
    spawned.expect("the system has a thread left");
}
