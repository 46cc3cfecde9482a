//! The engine's two quantities, sizes and device addresses, so that no bare number crosses a module boundary.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Sub, SubAssign};
use std::str::FromStr;

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub(crate) struct Bytes(pub(crate) u64);

/// An address in a heap, as its driver gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Address(pub(crate) u64);

impl Bytes {
    pub(crate) const ZERO: Bytes = Bytes(0);

    pub(crate) const fn kib(n: u64) -> Bytes {
        Bytes(n << 10)
    }

    pub(crate) const fn mib(n: u64) -> Bytes {
        Bytes(n << 20)
    }

    /// The length of something that is in this process's memory.
    pub(crate) fn of(length: usize) -> Bytes {
        Bytes(u64::try_from(length).expect("a length in memory fits 64 bits"))
    }

    /// The same, as a length of something in this process's memory.
    pub(crate) fn length(self) -> usize {
        usize::try_from(self.0).expect("the engine runs on 64-bit machines")
    }

    pub(crate) fn round_up(self, granule: Bytes) -> Bytes {
        Bytes(self.0.next_multiple_of(granule.0))
    }

    pub(crate) fn saturating_sub(self, other: Bytes) -> Bytes {
        Bytes(self.0.saturating_sub(other.0))
    }
}

impl Address {
    pub(crate) fn offset(self, by: Bytes) -> Address {
        Address(self.0 + by.0)
    }

    /// How far this address lies above `start`.
    pub(crate) fn since(self, start: Address) -> Bytes {
        Bytes(self.0 - start.0)
    }
}

impl Add for Bytes {
    type Output = Bytes;
    fn add(self, other: Bytes) -> Bytes {
        Bytes(self.0 + other.0)
    }
}

impl AddAssign for Bytes {
    fn add_assign(&mut self, other: Bytes) {
        self.0 += other.0;
    }
}

impl Sub for Bytes {
    type Output = Bytes;
    fn sub(self, other: Bytes) -> Bytes {
        Bytes(self.0 - other.0)
    }
}

impl SubAssign for Bytes {
    fn sub_assign(&mut self, other: Bytes) {
        self.0 -= other.0;
    }
}

impl Mul<u64> for Bytes {
    type Output = Bytes;
    fn mul(self, factor: u64) -> Bytes {
        Bytes(self.0 * factor)
    }
}

impl Sum for Bytes {
    fn sum<I: Iterator<Item = Bytes>>(sizes: I) -> Bytes {
        sizes.fold(Bytes::ZERO, Add::add)
    }
}

const BINARY_UNITS: [(&str, u32); 4] = [("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, shift) =
            BINARY_UNITS.into_iter().find(|(_, shift)| self.0 >> shift > 0).unwrap_or(("B", 0));
        let text = match shift {
            0 => format!("{} {unit}", self.0),
            _ => format!("{:.2} {unit}", self.0 as f64 / (1_u64 << shift) as f64),
        };
        f.pad(&text)
    }
}

impl FromStr for Bytes {
    type Err = String;

    /// Reads `1536`, `512MiB`, `512M`, `1.5 GiB`, `2GB`: binary for `KiB` and `K`, decimal for `KB`.
    fn from_str(text: &str) -> Result<Bytes, String> {
        let text = text.trim();
        let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kib" => 1 << 10,
            "m" | "mib" => 1 << 20,
            "g" | "gib" => 1 << 30,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            other => return Err(format!("unknown unit '{other}'; try 512MiB, 1.5GiB or 2GB")),
        };
        let number: f64 =
            number.parse().map_err(|_| format!("'{text}' is not a size; try 512MiB or 1.5GiB"))?;
        let bytes = number * factor as f64;
        // Above 2^53 a double no longer holds every byte count, and no such size is meant.
        if bytes < 1.0 || bytes > (1_u64 << 53) as f64 {
            return Err(format!("'{text}' is out of range; try 512MiB or 1.5GiB"));
        }
        Ok(Bytes(bytes as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_binary_and_decimal_units() {
        assert_eq!("1536".parse(), Ok(Bytes(1536)));
        assert_eq!("512MiB".parse(), Ok(Bytes::mib(512)));
        assert_eq!("1.5 gib".parse(), Ok(Bytes::mib(1536)));
        assert_eq!("2GB".parse(), Ok(Bytes(2_000_000_000)));
    }

    #[test]
    fn what_is_no_size_says_what_to_try() {
        for text in ["", "MiB", "0", "-5", "1.2.3MiB", "7 parsecs", "1e30"] {
            let error = text.parse::<Bytes>().expect_err(text);
            assert!(error.contains("try"), "{error}");
        }
    }

    #[test]
    fn sizes_are_shown_in_binary_units() {
        assert_eq!(Bytes(512).to_string(), "512 B");
        assert_eq!(Bytes::mib(20).to_string(), "20.00 MiB");
    }
}
