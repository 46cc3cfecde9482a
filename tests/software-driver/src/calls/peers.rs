//! Devices that use each other's memory. All of them can.

use crate::boundary::{Out, driver_calls};
use crate::code::Code;
use crate::context;
use crate::device::Ordinal;
use crate::driver;
use crate::handle::Handle;

driver_calls! {
    fn cuDeviceCanAccessPeer(answer: Out<i32>, device: Ordinal, peer: Ordinal) {
        let driver = driver::driver()?;
        let (device, peer) = (driver.device(device)?, driver.device(peer)?);
        answer.set(i32::from(device.ordinal != peer.ordinal))
    }

    fn cuCtxEnablePeerAccess(peer: Handle, flags: u32) {
        let current = context::current()?;
        let device = current.driver.contexts.device_of(peer).ok_or(Code::INVALID_CONTEXT)?;
        if flags != 0 {
            return Err(Code::INVALID_VALUE);
        }
        if device == current.device.ordinal {
            return Err(Code::PEER_ACCESS_UNSUPPORTED);
        }
        current.driver.peers.enable(current.context, peer)
    }

    fn cuCtxDisablePeerAccess(peer: Handle) {
        let current = context::current()?;
        current.driver.peers.disable(current.context, peer)
    }
}
