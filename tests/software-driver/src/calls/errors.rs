//! Codes as text.

use std::ffi::c_char;
use std::ptr;

use crate::boundary::{Out, driver_calls};
use crate::code::Code;

driver_calls! {
    fn cuGetErrorName(error: Code, name: Out<*const c_char>) {
        match error.text() {
            Some((text, _)) => name.set(text.as_ptr()),
            None => name.set(ptr::null()).and(Err(Code::INVALID_VALUE)),
        }
    }

    fn cuGetErrorString(error: Code, description: Out<*const c_char>) {
        match error.text() {
            Some((_, text)) => description.set(text.as_ptr()),
            None => description.set(ptr::null()).and(Err(Code::INVALID_VALUE)),
        }
    }
}
