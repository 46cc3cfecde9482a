//! Rounds of the devices: the CUDA driver and NVML.

use std::{collections::HashMap, process};

use memtrace_format::{Bytes, CounterValue, SampleSource, SampledCounter as Counter};

use super::{
    recorder::{Figure, Recorder, bytes},
    rounds::Sources,
    stop_before_loaded_libraries_do,
};
use crate::{
    sampling::Plan,
    sources::{
        Context, DeviceProcess, DeviceUse, Driver, DriverDevice, DriverMemory, Nvml, NvmlDevice, NvmlMemory,
        Ordinal, PcieTraffic, PoolMemory, Reading, Unavailable, process_name,
    },
};

/// What can be read of the devices that this process sees.
pub(super) struct DeviceSources {
    /// Those of the CUDA driver, once the program has initialised it.
    driver: Vec<DriverDevice>,
    /// Those of NVML, by the ordinal that the process knows them by.
    nvml: Vec<(Ordinal, NvmlDevice)>,
}

/// Device memory of processes.
struct ProcessMemory {
    own: Bytes,
    others: Bytes,
}

impl DeviceSources {
    /// Whether a plan is for what is read here.
    pub(super) fn reads(plan: &Plan) -> bool {
        plan.source == SampleSource::Driver || is_of_nvml(plan.source)
    }

    pub(super) fn new() -> Self {
        Self { driver: Vec::new(), nvml: Vec::new() }
    }

    fn read_driver(&mut self, recorder: &mut Recorder) -> Reading<()> {
        const MEMORY: [Figure<DriverMemory>; 2] = [
            (Counter::DriverFree, |memory| bytes(memory.free)),
            (Counter::DriverTotal, |memory| bytes(memory.total)),
        ];
        const POOL: [Figure<PoolMemory>; 4] = [
            (Counter::PoolUsed, |pool| bytes(pool.used)),
            (Counter::PoolUsedHigh, |pool| bytes(pool.used_high)),
            (Counter::PoolReserved, |pool| bytes(pool.reserved)),
            (Counter::PoolReservedHigh, |pool| bytes(pool.reserved_high)),
        ];
        const INTEGRATED: Figure<bool> =
            (Counter::DriverIntegrated, |&integrated| CounterValue::Integer(integrated.into()));
        for device in self.driver_devices()? {
            let ordinal = device.ordinal();
            introduce(recorder, device);
            if !recorder.knows(Counter::DriverIntegrated, ordinal) {
                recorder.figures(Some(ordinal), &[INTEGRATED], || device.is_integrated());
            }
            recorder.figures(Some(ordinal), &MEMORY, || device.memory(Context::AsItIs));
            recorder.figures(Some(ordinal), &POOL, || device.pool());
        }
        Ok(())
    }

    fn read_memory(&mut self, recorder: &mut Recorder) -> Reading<()> {
        const MEMORY: [Figure<NvmlMemory>; 4] = [
            (Counter::NvmlUsed, |memory| bytes(memory.used)),
            (Counter::NvmlFree, |memory| bytes(memory.free)),
            (Counter::NvmlReserved, |memory| bytes(memory.reserved)),
            (Counter::NvmlTotal, |memory| bytes(memory.total)),
        ];
        for (ordinal, device) in self.nvml_devices(recorder)? {
            recorder.figures(Some(*ordinal), &MEMORY, || device.memory());
        }
        Ok(())
    }

    fn read_utilization(&mut self, recorder: &mut Recorder) -> Reading<()> {
        const USE: [Figure<DeviceUse>; 2] = [
            (Counter::ComputeUtilization, |used| CounterValue::Integer(used.compute.into())),
            (Counter::MemoryUtilization, |used| CounterValue::Integer(used.memory.into())),
        ];
        const TEMPERATURE: Figure<u32> =
            (Counter::Temperature, |&celsius| CounterValue::Integer(celsius.into()));
        const POWER: Figure<f64> = (Counter::Power, |&watts| CounterValue::Float(watts));
        for (ordinal, device) in self.nvml_devices(recorder)? {
            recorder.figures(Some(*ordinal), &USE, || device.utilization());
            recorder.figures(Some(*ordinal), &[TEMPERATURE], || device.temperature());
            recorder.figures(Some(*ordinal), &[POWER], || device.power());
        }
        Ok(())
    }

    fn read_processes(&mut self, recorder: &mut Recorder) -> Reading<()> {
        const PROCESSES: [Figure<ProcessMemory>; 2] = [
            (Counter::OwnDeviceMemory, |processes| bytes(processes.own)),
            (Counter::OtherDeviceMemory, |processes| bytes(processes.others)),
        ];
        for (ordinal, device) in self.nvml_devices(recorder)? {
            let mut others = HashMap::new();
            recorder.figures(Some(*ordinal), &PROCESSES, || {
                let processes = device.processes()?;
                let memory = process_memory(&processes)?;
                others = others_by_name(&processes);
                Ok(memory)
            });
            recorder.other_processes(*ordinal, others);
        }
        Ok(())
    }

    fn read_pcie(&mut self, recorder: &mut Recorder) -> Reading<()> {
        const PCIE: [Figure<PcieTraffic>; 2] = [
            (Counter::PcieSent, |traffic| bytes(traffic.sent)),
            (Counter::PcieReceived, |traffic| bytes(traffic.received)),
        ];
        for (ordinal, device) in self.nvml_devices(recorder)? {
            recorder.figures(Some(*ordinal), &PCIE, || device.pcie());
        }
        Ok(())
    }

    /// The driver's devices, once the program has initialised it.
    fn driver_devices(&mut self) -> Reading<&[DriverDevice]> {
        if self.driver.is_empty() {
            self.driver = Driver::present()?.devices()?;
            stop_before_loaded_libraries_do();
        }
        Ok(&self.driver)
    }

    /// NVML's devices, found by the UUIDs of the driver's: NVML counts them in an order of its own, and knows some that this
    /// process does not see.
    fn nvml_devices(&mut self, recorder: &mut Recorder) -> Reading<&[(Ordinal, NvmlDevice)]> {
        if self.nvml.is_empty() {
            self.driver_devices()?;
            let nvml = Nvml::load()?;
            stop_before_loaded_libraries_do();
            let mut devices: Vec<_> = nvml
                .devices()?
                .into_iter()
                .filter_map(|device| Some((device.uuid().ok()?, device)))
                .collect();
            for driver in &self.driver {
                let Ok(uuid) = driver.uuid() else { continue };
                if let Some(index) = devices.iter().position(|&(other, _)| other == uuid) {
                    introduce(recorder, driver);
                    self.nvml.push((driver.ordinal(), devices.swap_remove(index).1));
                }
            }
            if self.nvml.is_empty() {
                return Err(Unavailable::Missing("an NVML device with the UUID of a CUDA device".to_owned()));
            }
        }
        Ok(&self.nvml)
    }
}

impl Sources for DeviceSources {
    fn read(&mut self, source: SampleSource, recorder: &mut Recorder) -> Reading<()> {
        match source {
            SampleSource::Nvml => self.read_memory(recorder),
            SampleSource::Utilization => self.read_utilization(recorder),
            SampleSource::Processes => self.read_processes(recorder),
            SampleSource::Pcie => self.read_pcie(recorder),
            _ => self.read_driver(recorder),
        }
    }
}

fn is_of_nvml(source: SampleSource) -> bool {
    matches!(
        source,
        SampleSource::Nvml | SampleSource::Utilization | SampleSource::Processes | SampleSource::Pcie
    )
}

/// Lets counters be about a device of the driver.
fn introduce(recorder: &mut Recorder, device: &DriverDevice) {
    recorder.introduce(device.ordinal(), || (device.name().unwrap_or_default(), device.total().ok()));
}

/// What others have of a device's memory, by name. Their numbers are this process's own namespace's, for its number is
/// among them.
fn others_by_name(processes: &[DeviceProcess]) -> HashMap<String, Bytes> {
    let mut names = HashMap::new();
    for process in processes.iter().filter(|process| process.pid != process::id()) {
        let Some(bytes) = process.memory.filter(|bytes| bytes.0 > 0) else { continue };
        let name = process_name(process.pid).unwrap_or_else(|| process.pid.to_string());
        let sum: &mut Bytes = names.entry(name).or_insert(Bytes(0));
        sum.0 = sum.0.saturating_add(bytes.0);
    }
    names
}

/// What this process has of a device's memory, and what all others have.
fn process_memory(processes: &[DeviceProcess]) -> Reading<ProcessMemory> {
    let mut memory = ProcessMemory { own: Bytes(0), others: Bytes(0) };
    let mut found = false;
    for process in processes {
        let Some(bytes) = process.memory else {
            return Err(Unavailable::Unsupported { call: "the device memory of a process" });
        };
        let is_own = process.pid == process::id();
        found |= is_own;
        let sum = if is_own { &mut memory.own } else { &mut memory.others };
        sum.0 = sum.0.saturating_add(bytes.0);
    }
    // In a container, NVML may know this process by the number that it has outside.
    let absent = "NVML's list of processes does not have this one's number";
    if found { Ok(memory) } else { Err(Unavailable::NotYet(absent)) }
}
