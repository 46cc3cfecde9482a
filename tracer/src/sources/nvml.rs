//! NVML: what the kernel driver knows of the devices, and of every process on them.
//!
//! Its calls take locks that the whole driver shares, so each has a price for programs that use the device; a caller chooses
//! how often.

use std::sync::OnceLock;

use memtrace_format::Bytes;
use nvml_wrapper::{
    Device,
    enum_wrappers::device::{PcieUtilCounter, TemperatureSensor},
    enums::device::UsedGpuMemory,
    error::NvmlError,
};

use super::{Reading, Unavailable, Uuid};

/// NVML, loaded and initialised.
pub(crate) struct Nvml(nvml_wrapper::Nvml);

/// A device, or a part of a divided one.
pub(crate) struct NvmlDevice {
    device: Device<'static>,
}

/// A device's memory. `used`, `free` and `reserved` make up `total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NvmlMemory {
    /// By all processes.
    pub(crate) used: Bytes,
    /// What can be allocated.
    pub(crate) free: Bytes,
    /// By the driver and the firmware.
    pub(crate) reserved: Bytes,
    /// All of it.
    pub(crate) total: Bytes,
}

/// How busy a device was during its last sample period, in percent of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeviceUse {
    /// A kernel ran.
    pub(crate) compute: u32,
    /// Device memory was read or written.
    pub(crate) memory: u32,
}

/// A process that uses a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeviceProcess {
    /// Its id, in NVML's own process namespace: a container's processes may be known by other numbers there.
    pub(crate) pid: u32,
    /// What it has of the device's memory; `None` if the driver does not say.
    pub(crate) memory: Option<Bytes>,
}

/// The PCIe traffic of a device, in bytes a second, over 20 ms each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PcieTraffic {
    /// From the device.
    pub(crate) sent: Bytes,
    /// To it.
    pub(crate) received: Bytes,
}

impl Nvml {
    /// NVML, loaded when it is first asked for, and kept: unloading a driver's library is more than it bears.
    ///
    /// # Errors
    ///
    /// There is no library, or no driver behind it. It is not tried again.
    pub(crate) fn load() -> Reading<&'static Self> {
        static NVML: OnceLock<Reading<Nvml>> = OnceLock::new();
        let nvml = NVML.get_or_init(|| nvml_wrapper::Nvml::init().map(Nvml).map_err(unavailable("nvmlInit")));
        nvml.as_ref().map_err(Unavailable::clone)
    }

    /// All devices, and the parts of those that are divided (MIG). One that is gone is left out.
    pub(crate) fn devices(&'static self) -> Reading<Vec<NvmlDevice>> {
        let count = self.0.device_count().map_err(unavailable("nvmlDeviceGetCount"))?;
        let mut devices = Vec::new();
        for index in 0..count {
            let Ok(device) = self.0.device_by_index(index) else { continue };
            // Only devices that can be divided know of a mode.
            let parts = match device.mig_mode() {
                Ok(mode) if mode.current != 0 => device.mig_device_count().unwrap_or(0),
                _ => 0,
            };
            let parts = (0..parts).filter_map(|part| device.mig_device_by_index(part).ok());
            devices.extend(parts.map(|device| NvmlDevice { device }));
            devices.push(NvmlDevice { device });
        }
        Ok(devices)
    }
}

impl NvmlDevice {
    /// Its UUID, which the CUDA driver knows as well. NVML's order of devices is another than the driver's.
    pub(crate) fn uuid(&self) -> Reading<Uuid> {
        let text = self.device.uuid().map_err(unavailable("nvmlDeviceGetUUID"))?;
        Uuid::parse(&text)
            .ok_or_else(|| Unavailable::Failed { call: "nvmlDeviceGetUUID", why: format!("{text:?}") })
    }

    /// Its memory. Integrated devices have none of their own, and say that this is not supported.
    pub(crate) fn memory(&self) -> Reading<NvmlMemory> {
        let memory = self.device.memory_info().map_err(unavailable("nvmlDeviceGetMemoryInfo_v2"))?;
        Ok(NvmlMemory {
            used: Bytes(memory.used),
            free: Bytes(memory.free),
            reserved: Bytes(memory.reserved),
            total: Bytes(memory.total),
        })
    }

    /// How busy it is. A part of a divided device does not say.
    pub(crate) fn utilization(&self) -> Reading<DeviceUse> {
        let rates = self.device.utilization_rates().map_err(unavailable("nvmlDeviceGetUtilizationRates"))?;
        Ok(DeviceUse { compute: rates.gpu, memory: rates.memory })
    }

    /// In degrees Celsius.
    pub(crate) fn temperature(&self) -> Reading<u32> {
        self.device.temperature(TemperatureSensor::Gpu).map_err(unavailable("nvmlDeviceGetTemperature"))
    }

    /// What it draws, in watts.
    pub(crate) fn power(&self) -> Reading<f64> {
        let milliwatts = self.device.power_usage().map_err(unavailable("nvmlDeviceGetPowerUsage"))?;
        Ok(f64::from(milliwatts) / 1000.0)
    }

    /// Its PCIe traffic. Takes 40 ms, in which the driver measures.
    pub(crate) fn pcie(&self) -> Reading<PcieTraffic> {
        let traffic = |counter| {
            let kilobytes = self.device.pcie_throughput(counter);
            kilobytes
                .map(|kb| Bytes(u64::from(kb) * 1000))
                .map_err(unavailable("nvmlDeviceGetPcieThroughput"))
        };
        Ok(PcieTraffic {
            sent: traffic(PcieUtilCounter::Send)?,
            received: traffic(PcieUtilCounter::Receive)?,
        })
    }

    /// The processes that compute on it. Milliseconds.
    pub(crate) fn processes(&self) -> Reading<Vec<DeviceProcess>> {
        let processes = self.device.running_compute_processes();
        let processes = processes.map_err(unavailable("nvmlDeviceGetComputeRunningProcesses_v3"))?;
        let process = |process: nvml_wrapper::struct_wrappers::device::ProcessInfo| DeviceProcess {
            pid: process.pid,
            memory: match process.used_gpu_memory {
                UsedGpuMemory::Used(bytes) => Some(Bytes(bytes)),
                UsedGpuMemory::Unavailable => None,
            },
        };
        Ok(processes.into_iter().map(process).collect())
    }
}

fn unavailable(call: &'static str) -> impl Fn(NvmlError) -> Unavailable {
    move |error| match error {
        NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound => {
            Unavailable::Missing("libnvidia-ml.so.1".to_owned())
        }
        NvmlError::DriverNotLoaded => Unavailable::Missing("the NVIDIA driver".to_owned()),
        NvmlError::NotSupported | NvmlError::FailedToLoadSymbol(_) | NvmlError::FunctionNotFound => {
            Unavailable::Unsupported { call }
        }
        error => Unavailable::Failed { call, why: error.to_string() },
    }
}
