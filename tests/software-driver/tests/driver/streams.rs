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

on_the_driver! {
    fn what_lags_behind_is_done_when_it_is_waited_for(LAG = "3") {
        let context = CudaContext::new(0).unwrap();
        let stream = context.new_stream().unwrap();
        let other = context.new_stream().unwrap();
        let mut block = stream.alloc_zeros::<u8>(512).unwrap();
        let done = stream.record_event(None).unwrap();
        assert!(!done.is_complete(), "the fill lags");
        other.wait(&done).unwrap();
        let after = other.record_event(None).unwrap();
        done.synchronize().unwrap();
        assert!(done.is_complete() && after.is_complete());

        stream.memset_zeros(&mut block).unwrap();
        let second = stream.record_event(None).unwrap();
        let questions = (0..10).take_while(|_| !second.is_complete()).count();
        assert_eq!(questions, 3, "to ask takes time");
    }

    fn work_of_a_captured_stream_goes_into_a_graph() {
        let context = CudaContext::new(0).unwrap();
        let (stream, other) = (context.new_stream().unwrap(), context.new_stream().unwrap());
        let mut block = stream.clone_htod(&[7_u8; 512]).unwrap();
        stream.begin_capture(sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED).unwrap();
        // SAFETY: the block is as large; the fill is captured, and not made.
        unsafe { result::memset_d8_async(cudarc::driver::DevicePtrMut::device_ptr_mut(&mut block, &stream).0, 0, 512, stream.cu_stream()) }.unwrap();
        assert!(!matches!(stream.capture_status(), Ok(sys::CUstreamCaptureStatus::CU_STREAM_CAPTURE_STATUS_NONE)));
        let fork = stream.record_event(None).unwrap();
        other.wait(&fork).unwrap();
        assert!(!matches!(other.capture_status(), Ok(sys::CUstreamCaptureStatus::CU_STREAM_CAPTURE_STATUS_NONE)));
        let mut graph = std::ptr::null_mut();
        let mut nodes = 0;
        // SAFETY: the places are valid, and the stream is the one on which the capture began.
        unsafe {
            let unmatched = sys::CUresult::CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
            assert_eq!(sys::cuStreamEndCapture(other.cu_stream(), &mut graph), unmatched);
            sys::cuStreamEndCapture(stream.cu_stream(), &mut graph).result().unwrap();
            sys::cuGraphGetNodes(graph, std::ptr::null_mut(), &mut nodes).result().unwrap();
        }
        assert!(nodes >= 1, "{nodes}");
        assert!(matches!(other.capture_status(), Ok(sys::CUstreamCaptureStatus::CU_STREAM_CAPTURE_STATUS_NONE)));
        assert_eq!(stream.clone_dtoh(&block).unwrap(), [7; 512]);
    }
}
