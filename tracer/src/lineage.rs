//! Which other logs a log belongs to. `memtrace record` says it to the tracers of the processes that it starts, and a process that
//! becomes another program to its successor's.
//!
//! | variable | value |
//! | --- | --- |
//! | `MEMTRACE_RUN` | 16 hexadecimal digits that begin the session ids of all logs of one run |
//! | `MEMTRACE_SUCCEEDS` | `PID:SESSION`: if this is process `PID`, its program before this one recorded that session, and the new log takes the place of its log |

use std::{env, process};

/// What the environment says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lineage {
    run: Option<u64>,
    predecessor: Option<u128>,
}

impl Lineage {
    pub(crate) fn from_environment() -> Self {
        let text = |variable| env::var(variable).unwrap_or_default();
        Self {
            run: u64::from_str_radix(&text("MEMTRACE_RUN"), 16).ok(),
            predecessor: predecessor(&text("MEMTRACE_SUCCEEDS"), process::id()),
        }
    }

    /// That of a forked child, which has no predecessor.
    pub(crate) fn of_child(self) -> Self {
        Self { predecessor: None, ..self }
    }

    /// The session id for a log, of a number that is like no other.
    pub(crate) fn session(self, random: u128) -> u128 {
        self.run.map_or(random, |run| u128::from(run) << 64 | u128::from(random as u64))
    }

    /// The session of the log that the new one takes the place of.
    pub(crate) fn predecessor(self) -> Option<u128> {
        self.predecessor
    }
}

fn predecessor(text: &str, this: u32) -> Option<u128> {
    let (process, session) = text.split_once(':')?;
    if process.parse() == Ok(this) { u128::from_str_radix(session, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_predecessor_is_this_processs_own() {
        assert_eq!(predecessor("42:ff", 42), Some(255));
        for other in ["43:ff", "42", "42:", "", ":ff", "42:xyz"] {
            assert_eq!(predecessor(other, 42), None, "{other}");
        }
    }

    #[test]
    fn the_sessions_of_a_run_begin_alike_and_differ() {
        let lineage = Lineage { run: Some(7), predecessor: None };
        assert_eq!(lineage.session(u128::MAX), 7 << 64 | u128::from(u64::MAX));
        assert_ne!(lineage.session(1), lineage.session(2));
        assert_eq!(Lineage::default().session(u128::MAX), u128::MAX);
    }
}
