//! Variables of the environment, read once and told of if they are wrong. The software NVML has the same file.

use std::fmt;

/// Reads variables of one prefix.
pub(crate) struct Parse<F> {
    pub(crate) prefix: &'static str,
    pub(crate) variable: F,
}

impl<F: Fn(&str) -> Option<String>> Parse<F> {
    /// The value of a variable, or `unset`.
    pub(crate) fn one<T>(
        &self,
        name: &str,
        expected: &'static str,
        unset: T,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Mistake> {
        let variable = format!("{}{name}", self.prefix);
        match (self.variable)(&variable) {
            None => Ok(unset),
            Some(value) => parse(value.trim()).ok_or(Mistake { variable, value, expected }),
        }
    }

    /// A number of bytes, or `unset`.
    pub(crate) fn bytes(&self, name: &str, unset: usize) -> Result<usize, Mistake> {
        self.one(name, "bytes, as 4096, 512KiB, 64MiB or 8GiB", unset, bytes)
    }
}

/// 0 or 1.
pub(crate) fn flag(text: &str) -> Option<bool> {
    match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// A number with a unit of KiB, MiB or GiB, or none.
pub(crate) fn bytes(text: &str) -> Option<usize> {
    let (number, unit) = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)]
        .into_iter()
        .find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, unit)))
        .unwrap_or((text, 1));
    number.trim_end().parse::<usize>().ok()?.checked_mul(unit)
}

/// A variable that does not say what it should.
#[derive(Debug)]
pub(crate) struct Mistake {
    pub(crate) variable: String,
    pub(crate) value: String,
    pub(crate) expected: &'static str,
}

impl fmt::Display for Mistake {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}={:?}: expected {}", self.variable, self.value, self.expected)
    }
}
