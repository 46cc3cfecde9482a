//! Streams and events: handles that are alive or not, and time that goes on.

use std::thread;
use std::time::Duration;

use cudarc::driver::{CudaContext, DriverError, result, sys};

use crate::process::on_the_driver;

on_the_driver! {
    fn events_tell_time() {
        let context = CudaContext::new(0).unwrap();
        let stream = context.new_stream().unwrap();
        let timed = Some(sys::CUevent_flags::CU_EVENT_DEFAULT);
        let start = stream.record_event(timed).unwrap();
        thread::sleep(Duration::from_millis(20));
        let end = stream.record_event(timed).unwrap();
        let elapsed = start.elapsed_ms(&end).unwrap();
        assert!((20.0..2000.0).contains(&elapsed), "{elapsed}");
        assert!(end.is_complete());
        stream.wait(&end).unwrap();

        let untimed = stream.record_event(None).unwrap();
        let invalid = DriverError(sys::CUresult::CUDA_ERROR_INVALID_HANDLE);
        assert_eq!(start.elapsed_ms(&untimed), Err(invalid));
    }

    fn what_is_destroyed_is_invalid() {
        let context = CudaContext::new(0).unwrap();
        let stream = context.new_stream().unwrap();
        let event = stream.record_event(None).unwrap();
        let (stream_handle, event_handle) = (stream.cu_stream(), event.cu_event());
        drop((stream, event));
        context.check_err().unwrap();
        let invalid = Err(DriverError(sys::CUresult::CUDA_ERROR_INVALID_HANDLE));
        // SAFETY: the driver refuses handles that are gone.
        unsafe {
            assert_eq!(result::stream::synchronize(stream_handle), invalid);
            assert_eq!(result::stream::destroy(stream_handle), invalid);
            assert_eq!(result::event::query(event_handle), invalid);
            assert_eq!(result::malloc_async(stream_handle, 512).map(drop), invalid);
        }
    }
}
