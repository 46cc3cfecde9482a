//! Bytes, addresses and instants: the numbers that a log carries, each with a type of its own.

use core::fmt;

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
}
