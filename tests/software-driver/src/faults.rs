//! Failures on demand: which call of which function fails, and with what.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::calls;
use crate::code::Code;

#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

#[derive(Debug)]
struct Fault {
    call: &'static str,
    /// The call that fails, counted from 1.
    number: u64,
    /// Whether all calls after it fail too.
    onwards: bool,
    outcome: Outcome,
    calls_seen: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Fails(Code),
    NeverReturns,
}

impl Faults {
    /// Reads `NAME:N=CODE` and `NAME:N+=CODE`, separated by commas, where CODE may be `hang`; `None` if malformed or if there is
    /// no such call.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let faults = text.split(',').filter(|fault| !fault.trim().is_empty());
        faults.map(|fault| Fault::parse(fault.trim())).collect::<Option<_>>().map(Self)
    }

    /// Counts a call of `name`, and fails if this is one that shall.
    pub(crate) fn strike(&self, name: &str) -> Result<(), Code> {
        let mut outcome = Ok(());
        for fault in self.0.iter().filter(|fault| fault.call == name) {
            let number = fault.calls_seen.fetch_add(1, Ordering::Relaxed) + 1;
            if number == fault.number || fault.onwards && number > fault.number {
                outcome = outcome.and(fault.outcome.happen());
            }
        }
        outcome
    }
}

impl Outcome {
    fn happen(self) -> Result<(), Code> {
        match self {
            Self::Fails(code) => Err(code),
            Self::NeverReturns => loop {
                thread::park();
            },
        }
    }
}

impl Fault {
    fn parse(text: &str) -> Option<Self> {
        let (call, rest) = text.split_once(':')?;
        let (number, code) = rest.split_once('=')?;
        let (number, onwards) = match number.strip_suffix('+') {
            Some(number) => (number, true),
            None => (number, false),
        };
        Some(Self {
            call: calls::exported().find(|symbol| symbol.name == call)?.name,
            number: number.parse().ok().filter(|number| *number > 0)?,
            onwards,
            outcome: match code {
                "hang" => Outcome::NeverReturns,
                code => Outcome::Fails(Code(code.parse().ok()?)),
            },
            calls_seen: AtomicU64::new(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(faults: &str, call: &str) -> Vec<u32> {
        let faults = Faults::parse(faults).unwrap();
        (0..4).map(|_| faults.strike(call).map_or_else(|code| code.0, |()| 0)).collect()
    }

    /// Of the library that this is compiled into: there are two.
    fn calls() -> [&'static str; 3] {
        let mut names = calls::exported().map(|symbol| symbol.name);
        std::array::from_fn(|_| names.next().unwrap())
    }

    #[test]
    fn the_call_asked_for_fails() {
        let [first, second, third] = calls();
        let faults = format!("{first}:2=2, {second}:3+=700,{first}:4=999");
        assert_eq!(outcomes(&faults, first), [0, 2, 0, 999]);
        assert_eq!(outcomes(&faults, second), [0, 0, 700, 700]);
        assert_eq!(outcomes(&faults, third), [0; 4]);
    }

    #[test]
    fn what_is_malformed_is_refused() {
        let [call, ..] = calls();
        assert!(Faults::parse(&format!("{call}:1=2")).is_some());
        for rest in ["", ":1", ":0=2", ":1=", ":x=2"] {
            assert!(Faults::parse(&format!("{call}{rest}")).is_none(), "{rest}");
        }
        assert!(Faults::parse("nothing:1=2").is_none());
    }
}
