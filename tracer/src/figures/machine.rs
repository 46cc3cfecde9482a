//! Sizes of the machine and its devices, whatever is used of them.

use memtrace_format::Bytes;

use super::{FigureError, reader::DeviceReader};
use crate::sources::{Host, Unavailable};

/// All of the machine's memory. In a container that is its host's.
///
/// ```
/// let memory = memtrace_tracer::cpu_memory()?;
/// assert!(memory.0 > 0);
/// # Ok::<(), memtrace_tracer::FigureError>(())
/// ```
///
/// # Errors
///
/// The kernel does not say.
pub fn cpu_memory() -> Result<Bytes, FigureError> {
    let machine = Host::open().machine().map_err(FigureError::of("the machine's memory"))?;
    Ok(machine.total)
}

/// The most shared memory in bytes that a block of threads can ask for on a device: never 0.
///
/// # Errors
///
/// There is no driver or no such device, or the driver does not say.
pub fn max_shared_memory_per_block(device: u16) -> Result<Bytes, FigureError> {
    let bytes = DeviceReader::open(device).and_then(|reader| {
        let device = reader.driver()?;
        let bytes = device.shared_memory_per_block_optin().or_else(|_| device.shared_memory_per_block())?;
        let nothing = Unavailable::Unsupported { call: "shared memory" };
        if bytes == Bytes(0) { Err(nothing) } else { Ok(bytes) }
    });
    bytes.map_err(FigureError::of(format!("the shared memory of device {device}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_driver_there_is_an_error_and_not_nothing() {
        // On a machine that has a device, it says how much.
        match max_shared_memory_per_block(0) {
            Ok(bytes) => assert!(bytes.0 > 0),
            Err(error) => assert!(error.to_string().starts_with("the shared memory of device 0: ")),
        }
        assert!(max_shared_memory_per_block(u16::MAX).is_err());
    }
}
