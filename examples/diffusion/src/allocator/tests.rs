//! The allocator's rules at work, on a device of host memory.

use super::*;
use crate::driver::HostDriver;

const STREAM: Stream = Stream(0);

fn allocator(capacity: Bytes) -> Allocator {
    let driver: Arc<dyn Driver> = Arc::new(HostDriver::new(capacity));
    let heap = recording::Heap::device(driver.as_ref());
    Allocator::new(driver, heap)
}

fn ask(allocator: &mut Allocator, bytes: Bytes) -> Address {
    allocator.allocate(STREAM, bytes, None).unwrap()
}

#[test]
fn a_freed_block_is_reused_without_the_driver() {
    let mut allocator = allocator(Bytes::mib(64));
    let first = ask(&mut allocator, Bytes::mib(4));
    allocator.free(first);
    assert_eq!(ask(&mut allocator, Bytes::mib(5)), first);
    assert_eq!(allocator.book().reserved(), Bytes::mib(20));
}

#[test]
fn the_smallest_block_that_fits_is_taken_and_of_those_the_lowest() {
    let mut allocator = allocator(Bytes::mib(64));
    let sizes = [64, 1, 32, 1, 32, 1].map(Bytes::kib);
    let blocks = sizes.map(|size| ask(&mut allocator, size));
    for index in [0, 2, 4] {
        allocator.free(blocks[index]);
    }
    assert_eq!(ask(&mut allocator, Bytes::kib(20)), blocks[2]);
    assert_eq!(ask(&mut allocator, Bytes::kib(30)), blocks[4]);
    assert_eq!(ask(&mut allocator, Bytes::kib(40)), blocks[0]);
}

#[test]
fn the_rest_of_a_block_serves_the_next_request() {
    let mut allocator = allocator(Bytes::mib(64));
    let first = ask(&mut allocator, Bytes(700));
    assert_eq!(ask(&mut allocator, Bytes(512)).since(first), Bytes(1024));
    assert_eq!(allocator.book().allocated(), Bytes(1536));
}

#[test]
fn a_rest_of_up_to_1_mib_stays_with_a_large_block() {
    let mut allocator = allocator(Bytes::mib(64));
    let block = ask(&mut allocator, Bytes::mib(11));
    assert_eq!(allocator.book().allocated(), Bytes::mib(12));
    allocator.free(block);
    assert_eq!(allocator.book().allocated(), Bytes::ZERO);
}

#[test]
fn neighbours_merge_in_any_order_of_frees() {
    for order in [[0, 1, 2], [2, 1, 0], [0, 2, 1], [1, 0, 2]] {
        let mut allocator = allocator(Bytes::mib(64));
        let blocks = [6, 6, 8].map(|n| ask(&mut allocator, Bytes::mib(n)));
        for index in order {
            allocator.free(blocks[index]);
        }
        assert_eq!(allocator.whole_segments(PoolKey { stream: STREAM, class: Class::Large }).len(), 1);
        assert_eq!(ask(&mut allocator, Bytes::mib(20)), blocks[0]);
    }
}

#[test]
fn small_and_large_requests_do_not_share_segments() {
    let mut allocator = allocator(Bytes::mib(64));
    let large = ask(&mut allocator, Bytes::mib(2));
    allocator.free(large);
    ask(&mut allocator, Bytes::kib(1));
    assert_eq!(allocator.book().reserved(), Bytes::mib(22));
}

#[test]
fn streams_do_not_reuse_each_others_blocks() {
    let mut allocator = allocator(Bytes::mib(64));
    let first = ask(&mut allocator, Bytes::kib(1));
    allocator.free(first);
    assert_ne!(allocator.allocate(Stream(1), Bytes::kib(1), None).unwrap(), first);
}

#[test]
fn everything_cached_goes_back_before_a_request_fails() {
    let mut allocator = allocator(Bytes::mib(34));
    let cached = [Bytes::kib(1), Bytes::mib(12), Bytes::mib(14)].map(|size| ask(&mut allocator, size));
    for block in cached {
        allocator.free(block);
    }
    ask(&mut allocator, Bytes::mib(34));
    assert_eq!(allocator.book().reserved(), Bytes::mib(34));
    assert_eq!(allocator.book().summary().ooms, 0);
}

#[test]
fn enough_in_the_same_pool_spares_the_other_pools() {
    let mut allocator = allocator(Bytes::mib(34));
    let cached = [Bytes::kib(1), Bytes::mib(12), Bytes::mib(18)].map(|size| ask(&mut allocator, size));
    for block in cached {
        allocator.free(block);
    }
    ask(&mut allocator, Bytes::mib(24));
    assert_eq!(allocator.book().reserved(), Bytes::mib(26));
}

#[test]
fn a_live_block_pins_its_segment() {
    let mut allocator = allocator(Bytes::mib(40));
    let blocks = [1, 18].map(|n| ask(&mut allocator, Bytes::mib(n) + Bytes(512)));
    allocator.free(blocks[1]);
    let failed = allocator.allocate(STREAM, Bytes::mib(30), None).unwrap_err();
    assert!(matches!(failed, AllocationError::OutOfMemory { requested, .. } if requested == Bytes::mib(30)));
    assert_eq!(allocator.book().summary().ooms, 1);
    allocator.free(blocks[0]);
    ask(&mut allocator, Bytes::mib(30));
}
