//! Bytes, addresses and instants: the numbers that a log carries, each with a type of its own.

use core::{fmt, str::FromStr};

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
        #[repr(transparent)]
        pub struct $name(pub u64);
    };
}

unit! {
    /// A number of bytes. On screen it reads in binary units (`1.50 GiB`).
    Bytes
}
unit! {
    /// An address in a heap. Two heaps may use the same address for different memory.
    Address
}
unit! {
    /// An instant in raw ticks of the log's [clock](crate::ClockKind); meaningful within one log only.
    Ticks
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u32); 5] = [("PiB", 50), ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
        for (unit, shift) in UNITS {
            if self.0 >= 1 << shift {
                let precision = f.precision().unwrap_or(2);
                let scaled = self.0 as f64 / (1u64 << shift) as f64;
                return write!(f, "{scaled:.precision$} {unit}");
            }
        }
        write!(f, "{} B", self.0)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// What is no number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseBytesError;

impl fmt::Display for ParseBytesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a number of bytes, such as 500000000, 512MiB or 2GB")
    }
}

impl core::error::Error for ParseBytesError {}

impl FromStr for Bytes {
    type Err = ParseBytesError;

    /// Reads a whole number with a unit or none, in capitals or not: `4096`, `64 MiB` and `64M` in steps of 1024, `64 MB` in
    /// steps of 1000.
    fn from_str(text: &str) -> Result<Self, ParseBytesError> {
        const UNITS: [([&str; 2], u64); 9] = [
            (["", "b"], 1),
            (["k", "kib"], 1 << 10),
            (["m", "mib"], 1 << 20),
            (["g", "gib"], 1 << 30),
            (["t", "tib"], 1 << 40),
            (["kb", "kb"], 1000),
            (["mb", "mb"], 1_000_000),
            (["gb", "gb"], 1_000_000_000),
            (["tb", "tb"], 1_000_000_000_000),
        ];
        let text = text.trim();
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let unit = unit.trim();
        let found =
            UNITS.into_iter().find(|(names, _)| names.iter().any(|name| unit.eq_ignore_ascii_case(name)));
        let (_, bytes) = found.ok_or(ParseBytesError)?;
        let number: u64 = number.parse().map_err(|_| ParseBytesError)?;
        number.checked_mul(bytes).map(Self).ok_or(ParseBytesError)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn bytes_read_in_binary_units() {
        assert_eq!(Bytes(0).to_string(), "0 B");
        assert_eq!(Bytes(1023).to_string(), "1023 B");
        assert_eq!(Bytes(1536).to_string(), "1.50 KiB");
        assert_eq!(Bytes(5 << 30).to_string(), "5.00 GiB");
        assert_eq!(alloc::format!("{:.0}", Bytes(20 << 20)), "20 MiB");
    }

    #[test]
    fn bytes_are_read_in_steps_of_1024_and_of_1000() {
        for (text, bytes) in [
            ("4096", 4096),
            ("64 MiB", 64 << 20),
            ("2g", 2 << 30),
            (" 7 B ", 7),
            ("10MB", 10_000_000),
            ("10mb", 10_000_000),
            ("3 kB", 3000),
            ("1TB", 1_000_000_000_000),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for text in
            ["", "many", "-1", "GiB", "MB", "1.5GiB", "1MBi", "99999999999999999999", "18446744073709551615k"]
        {
            assert_eq!(text.parse::<Bytes>(), Err(ParseBytesError), "{text}");
        }
    }
}
