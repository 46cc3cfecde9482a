//! Counters that recorders sample by themselves: the sources, and the names of their counters.
//!
//! A counter is a name in the log like any other; these names mean the same in every log. Where a figure is not to be had, a
//! mark says so: see [`NotSampled`].

use core::fmt;

use crate::Unit;

macro_rules! sources {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// Where samples come from. Each source has a rate of its own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum SampleSource {
            $($(#[$doc])* $variant,)*
        }

        impl SampleSource {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// As it is written in settings.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

sources! {
    /// The CUDA driver, asked in the process that uses it.
    Driver = "driver";
    /// NVML: the memory of devices.
    Nvml = "nvml";
    /// NVML: how busy, how hot, how hungry devices are.
    Utilization = "utilization";
    /// NVML: the memory of each process on a device.
    Processes = "processes";
    /// NVML: PCIe traffic.
    Pcie = "pcie";
    /// The host's memory and this process in it.
    Host = "host";
    /// This process's proportional share of the host's memory.
    Pss = "pss";
    /// How long tasks waited for memory.
    Pressure = "pressure";
}

macro_rules! sampled {
    ($($variant:ident: $source:ident, $name:literal, $unit:ident, $scope:ident, $meaning:literal;)*) => {
        /// A counter that recorders sample by themselves.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum SampledCounter {
            $(#[doc = $meaning] $variant,)*
        }

        impl SampledCounter {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name of the counter.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The unit of its values.
            pub const fn unit(self) -> Unit {
                match self {
                    $(Self::$variant => Unit::$unit,)*
                }
            }

            /// What is read for it.
            pub const fn source(self) -> SampleSource {
                match self {
                    $(Self::$variant => SampleSource::$source,)*
                }
            }

            /// What it is about: `device`, `process`, `cgroup`, `machine`, or the `recorder` itself.
            pub const fn scope(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($scope),)*
                }
            }

            /// What its values mean, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                }
            }
        }
    };
}

sampled! {
    DriverFree: Driver, "driver free", Bytes, device, "What the driver can still allocate. On an integrated device: the host's free memory, without caches.";
    DriverTotal: Driver, "driver total", Bytes, device, "All of the device's memory that the driver manages.";
    DriverIntegrated: Driver, "driver integrated", Count, device, "1 if the device's memory is the host's, else 0; sampled once.";
    PoolUsed: Driver, "driver pool used", Bytes, device, "Handed out by the device's default pool of stream-ordered allocation.";
    PoolUsedHigh: Driver, "driver pool used high", Bytes, device, "The most of that, since the program set the mark back.";
    PoolReserved: Driver, "driver pool reserved", Bytes, device, "Held of the device by that pool.";
    PoolReservedHigh: Driver, "driver pool reserved high", Bytes, device, "The most of that, since the program set the mark back.";
    DriverRound: Driver, "driver round", Nanoseconds, recorder, "How long reading the source took, all devices together.";
    NvmlUsed: Nvml, "nvml used", Bytes, device, "Device memory in use by all processes.";
    NvmlFree: Nvml, "nvml free", Bytes, device, "Device memory that can be allocated.";
    NvmlReserved: Nvml, "nvml reserved", Bytes, device, "Device memory that driver and firmware keep to themselves.";
    NvmlTotal: Nvml, "nvml total", Bytes, device, "All of the device's memory: used, free and reserved.";
    NvmlRound: Nvml, "nvml round", Nanoseconds, recorder, "As `driver round`.";
    ComputeUtilization: Utilization, "nvml compute utilization", Percent, device, "The part of NVML's last sample period in which a kernel ran.";
    MemoryUtilization: Utilization, "nvml memory utilization", Percent, device, "The part in which device memory was read or written.";
    Temperature: Utilization, "nvml temperature", Celsius, device, "Of the GPU.";
    Power: Utilization, "nvml power", Watts, device, "What the device draws.";
    UtilizationRound: Utilization, "utilization round", Nanoseconds, recorder, "As `driver round`.";
    OwnDeviceMemory: Processes, "nvml own process", Bytes, device, "Device memory of this process, context included.";
    OtherDeviceMemory: Processes, "nvml other processes", Bytes, device, "Device memory of all other processes that compute on it.";
    ProcessesRound: Processes, "processes round", Nanoseconds, recorder, "As `driver round`.";
    PcieSent: Pcie, "nvml pcie sent", BytesPerSecond, device, "From the device, over 20 ms.";
    PcieReceived: Pcie, "nvml pcie received", BytesPerSecond, device, "To the device, over 20 ms.";
    PcieRound: Pcie, "pcie round", Nanoseconds, recorder, "As `driver round`.";
    HostResident: Host, "host resident", Bytes, process, "What of the process is in memory, shared pages in full (RSS).";
    HostFree: Host, "host free", Bytes, machine, "Memory that nobody uses (MemFree).";
    HostAvailable: Host, "host available", Bytes, machine, "Memory that can be had without swapping (MemAvailable).";
    HostTotal: Host, "host total", Bytes, machine, "All memory (MemTotal).";
    HostSwapUsed: Host, "host swap used", Bytes, machine, "What lies in swap.";
    MinorFaults: Host, "host minor faults", Count, process, "Page faults since the process began that read nothing from a disk.";
    MajorFaults: Host, "host major faults", Count, process, "Page faults since the process began that did.";
    HostRound: Host, "host round", Nanoseconds, recorder, "As `driver round`.";
    HostProportional: Pss, "host proportional", Bytes, process, "What of the process is in memory, each shared page divided by those who share it (PSS).";
    PssRound: Pss, "pss round", Nanoseconds, recorder, "As `driver round`.";
    PressureSome: Pressure, "pressure some", Percent, machine, "The part of the last 10 s in which a task waited for memory.";
    PressureFull: Pressure, "pressure full", Percent, machine, "The part in which all tasks that had work waited at once.";
    PressureSomeTotal: Pressure, "pressure some total", Nanoseconds, machine, "For how long a task waited, since the machine began.";
    PressureFullTotal: Pressure, "pressure full total", Nanoseconds, machine, "For how long all waited at once, since the machine began.";
    CgroupPressureSome: Pressure, "cgroup pressure some", Percent, cgroup, "As `pressure some`, of the tasks of the process's cgroup.";
    CgroupPressureFull: Pressure, "cgroup pressure full", Percent, cgroup, "As `pressure full`, of the tasks of the process's cgroup.";
    CgroupPressureSomeTotal: Pressure, "cgroup pressure some total", Nanoseconds, cgroup, "As `pressure some total`, since the cgroup began.";
    CgroupPressureFullTotal: Pressure, "cgroup pressure full total", Nanoseconds, cgroup, "As `pressure full total`, since the cgroup began.";
    PressureRound: Pressure, "pressure round", Nanoseconds, recorder, "As `driver round`.";
}

impl SampleSource {
    /// The source of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|source| source.name() == name)
    }

    /// The counter that says how long reading this source took.
    pub const fn round(self) -> SampledCounter {
        match self {
            Self::Driver => SampledCounter::DriverRound,
            Self::Nvml => SampledCounter::NvmlRound,
            Self::Utilization => SampledCounter::UtilizationRound,
            Self::Processes => SampledCounter::ProcessesRound,
            Self::Pcie => SampledCounter::PcieRound,
            Self::Host => SampledCounter::HostRound,
            Self::Pss => SampledCounter::PssRound,
            Self::Pressure => SampledCounter::PressureRound,
        }
    }
}

impl SampledCounter {
    /// The counter of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|counter| counter.name() == name)
    }
}

/// The name of a mark that says that something is not sampled from then on, or not yet: `not sampled: nvml power (device 1):
/// nvmlDeviceGetPowerUsage is not supported`. A sample that comes later says that it is again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSampled<'a> {
    /// The name of a source, all of whose counters are meant, or of a counter.
    pub what: &'a str,
    /// The ordinal of the device, if the figure is one of a device and others may have it.
    pub device: Option<u32>,
    /// Why.
    pub why: &'a str,
}

const NOT_SAMPLED: &str = "not sampled: ";

impl<'a> NotSampled<'a> {
    /// Reads the name of a mark; `None` if it is another mark.
    pub fn parse(name: &'a str) -> Option<Self> {
        let (subject, why) = name.strip_prefix(NOT_SAMPLED)?.split_once(": ")?;
        let (what, device) = match subject.split_once(" (device ") {
            Some((what, ordinal)) => (what, Some(ordinal.strip_suffix(')')?.parse().ok()?)),
            None => (subject, None),
        };
        Some(Self { what, device, why })
    }
}

impl fmt::Display for NotSampled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{NOT_SAMPLED}{}", self.what)?;
        if let Some(ordinal) = self.device {
            write!(f, " (device {ordinal})")?;
        }
        write!(f, ": {}", self.why)
    }
}

#[cfg(test)]
mod tests {
    use alloc::{collections::BTreeSet, string::ToString};

    use super::*;

    #[test]
    fn no_two_have_one_name() {
        let sources = SampleSource::ALL.iter().map(|source| source.name());
        let counters = SampledCounter::ALL.iter().map(|counter| counter.name());
        let names: BTreeSet<_> = sources.chain(counters).collect();
        assert_eq!(names.len(), SampleSource::ALL.len() + SampledCounter::ALL.len());
    }

    #[test]
    fn each_source_has_a_counter_of_its_rounds() {
        for &source in SampleSource::ALL {
            assert_eq!((source.round().source(), source.round().unit()), (source, Unit::Nanoseconds));
        }
    }

    #[test]
    fn a_mark_says_what_is_not_sampled() {
        for device in [None, Some(3)] {
            let note = NotSampled { what: "nvml power", device, why: "GPU 3: (device lost)" };
            assert_eq!(NotSampled::parse(&note.to_string()), Some(note));
        }
        for text in ["not sampled: nvml", "sampled: a: b", "not sampled: a (device x): b"] {
            assert_eq!(NotSampled::parse(text), None, "{text}");
        }
    }
}
