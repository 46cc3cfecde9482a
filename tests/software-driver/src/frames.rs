//! Physical memory of one device that is made apart from its addresses: parts of one file in memory, which can be mapped anywhere.

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::{Mutex, OnceLock};

use crate::address_space::AddressSpace;
use crate::code::Code;
use crate::device_memory::{ADDRESSES_PER_BYTE, DeviceAddress};
use crate::handle;

/// The file is made when the first frame is asked for.
pub(crate) struct Frames {
    bytes: usize,
    file: OnceLock<Option<File>>,
    space: Mutex<AddressSpace>,
}

/// Where a piece of physical memory is in its device's file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) offset: u64,
    pub(crate) bytes: usize,
}

impl Frames {
    /// Room for a device's capacity many times over, so that there is always a place in one piece.
    pub(crate) fn new(capacity: usize) -> Self {
        let bytes = capacity.saturating_mul(ADDRESSES_PER_BYTE);
        Self { bytes, file: OnceLock::new(), space: Mutex::new(AddressSpace::new(DeviceAddress(0), bytes)) }
    }

    pub(crate) fn take(&self, bytes: usize) -> Result<Frame, Code> {
        self.file()?;
        let DeviceAddress(offset) = handle::lock(&self.space).take(bytes).ok_or(Code::OUT_OF_MEMORY)?;
        Ok(Frame { offset, bytes })
    }

    /// Gives a frame back, and its bytes to the operating system: whoever gets it next finds zeros.
    pub(crate) fn give_back(&self, frame: Frame) {
        if let Ok(file) = self.file() {
            let hole = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
            // SAFETY: the file is open, and the part of it is this frame's.
            unsafe {
                libc::fallocate(
                    file.as_raw_fd(),
                    hole,
                    frame.offset as libc::off_t,
                    frame.bytes as libc::off_t,
                )
            };
        }
        handle::lock(&self.space).give_back(DeviceAddress(frame.offset), frame.bytes);
    }

    pub(crate) fn file(&self) -> Result<&File, Code> {
        self.file.get_or_init(|| self.make()).as_ref().ok_or(Code::OPERATING_SYSTEM)
    }

    fn make(&self) -> Option<File> {
        // SAFETY: the name is text that ends with a zero byte.
        let descriptor = unsafe { libc::memfd_create(c"device memory".as_ptr(), libc::MFD_CLOEXEC) };
        if descriptor < 0 {
            return None;
        }
        // SAFETY: the descriptor was just made, and is nobody else's.
        let file = unsafe { File::from_raw_fd(descriptor) };
        file.set_len(self.bytes as u64).ok().map(|()| file)
    }
}
