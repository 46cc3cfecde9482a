//! Places of memory, and reasons for moves: tiers, kinds of memory, reasons.

use core::fmt;

/// Where a module lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Not said.
    Unknown,
    /// A file.
    Disk,
    /// Ordinary (pageable) host memory.
    Host,
    /// Page-locked host memory.
    Pinned,
    /// The memory of the device with this ordinal (at most [`Tier::MAX_ORDINAL`]).
    Device(u16),
}

impl Tier {
    /// The largest device ordinal that a record can carry.
    pub const MAX_ORDINAL: u16 = 0x7fff;

    const DEVICE_BIT: u16 = 0x8000;

    /// The number that a record carries for this tier.
    #[inline(always)]
    pub const fn encode(self) -> u16 {
        match self {
            Self::Unknown => 0,
            Self::Disk => 1,
            Self::Host => 2,
            Self::Pinned => 3,
            Self::Device(ordinal) => Self::DEVICE_BIT | ordinal,
        }
    }

    /// The tier for a number read from a record; numbers of later versions are [`Tier::Unknown`].
    pub const fn decode(number: u16) -> Self {
        match number {
            1 => Self::Disk,
            2 => Self::Host,
            3 => Self::Pinned,
            n if n & Self::DEVICE_BIT != 0 => Self::Device(n & Self::MAX_ORDINAL),
            _ => Self::Unknown,
        }
    }

    /// Whether this is the memory of a device.
    pub const fn is_device(self) -> bool {
        matches!(self, Self::Device(_))
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.pad("unknown"),
            Self::Disk => f.pad("disk"),
            Self::Host => f.pad("host"),
            Self::Pinned => f.pad("pinned"),
            Self::Device(ordinal) => write!(f, "device:{ordinal}"),
        }
    }
}

/// Declares a fieldless enum with its number in the log and its name on screen, in one place.
macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$variant_doc])* $variant = $number,)*
        }

        impl $name {
            /// Every value, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The value for a number read from a log.
            #[inline]
            pub const fn decode(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The name that reports and screens use.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}
pub(crate) use numbered;

numbered! {
    /// The kind of memory that a heap hands out.
    MemoryKind {
        /// Memory of a device, seen by that device.
        Device = 1, "device";
        /// Page-locked host memory.
        Pinned = 2, "pinned";
        /// Memory that the driver moves between host and device by itself.
        Managed = 3, "managed";
        /// Ordinary host memory.
        Host = 4, "host";
    }
}

numbered! {
    /// The kind of host memory at the host's end of a transfer. It decides how fast a copy can be.
    HostMemory {
        /// Not said.
        Unknown = 0, "unknown";
        /// Ordinary host memory, copied through a staging buffer of the driver.
        Pageable = 1, "pageable";
        /// Page-locked host memory, which the device reads and writes by itself.
        Pinned = 2, "pinned";
    }
}

numbered! {
    /// Why a transfer was made.
    Reason {
        /// Not said.
        Unknown = 0, "unknown";
        /// A forward needed the module.
        Demand = 1, "demand";
        /// There was no room for another module.
        Capacity = 2, "capacity";
        /// The engine's rule moves it out after use, room or not.
        Policy = 3, "policy";
        /// The program or its user asked for it.
        Explicit = 4, "explicit";
        /// It was moved ahead of its use.
        Prefetch = 5, "prefetch";
        /// The machine was short of memory.
        Pressure = 6, "pressure";
    }
}

numbered! {
    /// The unit of a counter's values.
    Unit {
        /// Bytes.
        Bytes = 1, "bytes";
        /// A plain number.
        Count = 2, "count";
        /// Hundredths.
        Percent = 3, "percent";
        /// Nanoseconds.
        Nanoseconds = 4, "ns";
        /// Bytes a second.
        BytesPerSecond = 5, "bytes/s";
        /// Degrees Celsius.
        Celsius = 6, "celsius";
        /// Watts.
        Watts = 7, "watts";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_survive_the_way_through_a_record() {
        for tier in [
            Tier::Unknown,
            Tier::Disk,
            Tier::Host,
            Tier::Pinned,
            Tier::Device(0),
            Tier::Device(Tier::MAX_ORDINAL),
        ] {
            assert_eq!(Tier::decode(tier.encode()), tier);
        }
        assert_eq!(Tier::decode(77), Tier::Unknown);
    }

    #[test]
    fn numbers_and_values_agree() {
        for &reason in Reason::ALL {
            assert_eq!(Reason::decode(reason as u8), Some(reason));
        }
        assert_eq!(MemoryKind::decode(0), None);
    }
}
