//! The exported calls. Names, numbers and signatures are those of nvml.h.

use std::{
    ffi::{CStr, c_char, c_void},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{
    boundary::{Out, Text, driver_calls},
    code::Code,
    settings::settings,
    unit::{Handle, Unit, count},
};

/// An exported call.
pub(crate) struct Symbol {
    pub(crate) name: &'static str,
    #[allow(dead_code, reason = "nobody looks calls up but the loader")]
    pub(crate) entry: *const (),
}

/// Every exported call.
pub(crate) fn exported() -> impl Iterator<Item = &'static Symbol> {
    EXPORTED.iter()
}

/// How often the library was initialised more than shut down.
static USERS: AtomicU32 = AtomicU32::new(0);

/// `nvmlMemory_v2_t`.
#[repr(C)]
pub(crate) struct Memory {
    version: u32,
    total: u64,
    reserved: u64,
    free: u64,
    used: u64,
}

/// `nvmlUtilization_t`.
#[repr(C)]
pub(crate) struct Utilization {
    compute: u32,
    memory: u32,
}

/// `nvmlProcessInfo_t`.
#[repr(C)]
pub(crate) struct Process {
    pid: u32,
    memory: u64,
    instances: [u32; 2],
}

/// `nvmlProcessInfo_v1_t`.
#[repr(C)]
pub(crate) struct ProcessOfOld {
    pid: u32,
    memory: u64,
}

/// What a caller says and what it is answered.
#[repr(transparent)]
pub(crate) struct InOut<T>(*mut T);

impl<T: Copy> InOut<T> {
    fn get(&self) -> Result<T, Code> {
        if self.0.is_null() {
            return Err(Code::INVALID_VALUE);
        }
        // SAFETY: the caller owes a pointer that is valid for a read.
        Ok(unsafe { self.0.read_unaligned() })
    }

    fn set(&self, value: T) {
        // SAFETY: `get` was called first, and the caller owes a pointer that is valid for a write.
        unsafe { self.0.write_unaligned(value) };
    }
}

driver_calls! {
    fn nvmlInit_v2() {
        settings()?;
        USERS.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn nvmlShutdown() {
        let less = |users: u32| users.checked_sub(1);
        let outcome = USERS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        outcome.map(drop).map_err(|_| Code::UNINITIALIZED)
    }

    fn nvmlSystemGetDriverVersion(version: *mut c_char, length: u32) {
        write_text(version, length, "570.00")
    }

    fn nvmlDeviceGetCount_v2(devices: Out<u32>) {
        initialized()?;
        devices.set(count(settings()?).cast_unsigned())
    }

    fn nvmlDeviceGetHandleByIndex_v2(index: u32, device: Out<Handle>) {
        initialized()?;
        device.set(Unit::of_index(index)?.handle())
    }

    /// As programs have it from the CUDA runtime.
    fn nvmlDeviceGetHandleByPciBusId_v2(bus_id: Text, device: Out<Handle>) {
        initialized()?;
        let bus_id = bus_id.read().ok_or(Code::INVALID_VALUE)?;
        device.set(Unit::on_bus(&bus_id.to_string_lossy())?.handle())
    }

    fn nvmlSystemGetCudaDriverVersion_v2(version: Out<i32>) {
        version.set(13020)
    }

    fn nvmlDeviceGetName(device: Handle, name: *mut c_char, length: u32) {
        write_text(name, length, &unit(device)?.name())
    }

    fn nvmlDeviceGetUUID(device: Handle, uuid: *mut c_char, length: u32) {
        write_text(uuid, length, &unit(device)?.uuid())
    }

    fn nvmlDeviceGetMemoryInfo_v2(device: Handle, memory: InOut<u32>) {
        let version = memory.get()?;
        let unit = unit(device)?;
        if version != (2 << 24 | size_of::<Memory>() as u32) {
            return Err(Code::INVALID_VALUE);
        }
        let (used, capacity, reserved) = (unit.used()?, unit.capacity()?, settings()?.reserved);
        let answer = Memory { version, total: capacity + reserved, reserved, free: capacity - used, used };
        // SAFETY: the version says that the caller's structure is this one.
        unsafe { memory.0.cast::<Memory>().write_unaligned(answer) };
        Ok(())
    }

    fn nvmlDeviceGetUtilizationRates(device: Handle, rates: Out<Utilization>) {
        let n = unit(device)?.whole()?;
        rates.set(Utilization { compute: 40 + n, memory: 20 + n })
    }

    fn nvmlDeviceGetTemperature(device: Handle, sensor: u32, celsius: Out<u32>) {
        let n = unit(device)?.whole()?;
        if sensor != 0 {
            return Err(Code::INVALID_VALUE);
        }
        celsius.set(50 + n)
    }

    fn nvmlDeviceGetPowerUsage(device: Handle, milliwatts: Out<u32>) {
        milliwatts.set((100 + unit(device)?.whole()?) * 1000)
    }

    fn nvmlDeviceGetPcieThroughput(device: Handle, counter: u32, kilobytes: Out<u32>) {
        let n = unit(device)?.whole()?;
        match counter {
            0 | 1 => kilobytes.set((1 + counter + n) * 1000),
            _ => Err(Code::INVALID_VALUE),
        }
    }

    fn nvmlDeviceGetComputeRunningProcesses_v3(device: Handle, length: InOut<u32>, list: *mut Process) {
        let instances = [u32::MAX; 2];
        write_processes(device, length, list, |pid, memory| Process { pid, memory, instances })
    }

    fn nvmlDeviceGetComputeRunningProcesses(device: Handle, length: InOut<u32>, list: *mut ProcessOfOld) {
        write_processes(device, length, list, |pid, memory| ProcessOfOld { pid, memory })
    }

    fn nvmlDeviceGetGpuFabricInfoV(device: Handle, _information: *mut c_void) {
        unit(device)?;
        Err(Code::NOT_SUPPORTED)
    }

    fn nvmlDeviceGetNvLinkRemoteDeviceType(device: Handle, _link: u32, _kind: Out<u32>) {
        unit(device)?;
        Err(Code::NOT_SUPPORTED)
    }

    fn nvmlDeviceGetNvLinkRemotePciInfo_v2(device: Handle, _link: u32, _information: *mut c_void) {
        unit(device)?;
        Err(Code::NOT_SUPPORTED)
    }

    fn nvmlDeviceGetMigMode(device: Handle, current: Out<u32>, pending: Out<u32>) {
        match unit(device)? {
            Unit::Divided => current.set(1).and(pending.set(1)),
            Unit::Device(_) => current.set(0).and(pending.set(0)),
            Unit::Part(_) => Err(Code::NOT_SUPPORTED),
        }
    }

    fn nvmlDeviceGetMaxMigDeviceCount(device: Handle, parts: Out<u32>) {
        match unit(device)? {
            // As many as there could be; one more than there are.
            Unit::Divided => parts.set(settings()?.devices.cast_unsigned() + 1),
            _ => parts.set(0),
        }
    }

    fn nvmlDeviceGetMigDeviceHandleByIndex(device: Handle, index: u32, part: Out<Handle>) {
        part.set(unit(device)?.part(index)?.handle())
    }
}

/// `nvmlErrorString` returns text and no code.
///
/// # Safety
///
/// None: it has no pointers.
#[unsafe(no_mangle)]
#[allow(non_snake_case, reason = "NVML's names")]
unsafe extern "C" fn nvmlErrorString(_code: Code) -> *const c_char {
    const TEXT: &CStr = c"an error of the software NVML";
    TEXT.as_ptr()
}

fn initialized() -> Result<(), Code> {
    if USERS.load(Ordering::Relaxed) == 0 { Err(Code::UNINITIALIZED) } else { Ok(()) }
}

fn unit(device: Handle) -> Result<Unit, Code> {
    initialized()?;
    Unit::of(device)
}

/// Writes this process and one other, if there is room for both, and how many they are.
fn write_processes<P>(
    device: Handle,
    length: InOut<u32>,
    list: *mut P,
    process: impl Fn(u32, u64) -> P,
) -> Result<(), Code> {
    let unit = unit(device)?;
    let foreign = unit.foreign()?;
    let own = unit.used()?.saturating_sub(foreign);
    let processes = [process(process::id() + settings()?.pid_offset, own), process(1, foreign)];
    let room = length.get()? as usize;
    length.set(processes.len() as u32);
    if list.is_null() || room < processes.len() {
        return Err(Code::INSUFFICIENT_SIZE);
    }
    for (index, process) in processes.into_iter().enumerate() {
        // SAFETY: the caller owes room for as many as it says, and these are not more.
        unsafe { list.add(index).write_unaligned(process) };
    }
    Ok(())
}

/// Writes text and a zero into `length` bytes at `place`.
fn write_text(place: *mut c_char, length: u32, text: &str) -> Result<(), Code> {
    if place.is_null() {
        return Err(Code::INVALID_VALUE);
    }
    if text.len() >= length as usize {
        return Err(Code::INSUFFICIENT_SIZE);
    }
    // SAFETY: the caller owes `length` writable bytes, and the text and the zero fit them.
    unsafe {
        place.copy_from_nonoverlapping(text.as_ptr().cast(), text.len());
        place.add(text.len()).write(0);
    }
    Ok(())
}
