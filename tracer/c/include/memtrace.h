// Records what an engine's memory does into a memtrace log. SPDX-License-Identifier: MIT OR Apache-2.0
//
//     memtrace_pool pool = memtrace_pool_define(memtrace_heap_define("cuda:0", MEMTRACE_MEMORY_DEVICE, 0), "", 0);
//     memtrace_module unet = memtrace_module_define("unet", 0, 3221225472, 0);
//
//     memtrace_transfer transfer = memtrace_transfer_begin(
//         unet, MEMTRACE_TIER_HOST, MEMTRACE_TIER_DEVICE(0), 3221225472, MEMTRACE_HOST_PAGEABLE, MEMTRACE_REASON_DEMAND, 0);
//     memtrace_block_alloc(pool, address, 3221225472, 3221225472);
//     memtrace_transfer_end(transfer, 3221225472);
//
// Link with -lmemtrace. Recording is on if the environment variable MEMTRACE_FILE names a file when the process starts
// (run.%p.trace: %p becomes the process id), or from memtrace_start on; else each call below is a load and a branch.
//
// Handles are numbers, passed by value. 0 names nothing; it is what a definition returns while recording is off. No call
// fails, waits, or returns anything that must be freed, and each may be made on any thread. No argument is dangerous but
// a string that is none: an unknown number, a handle that names nothing or an end without a beginning makes a record that
// the analyzer counts as odd. Strings end with a zero byte and are copied; NULL is the empty string, and what is not UTF-8
// is replaced. A fork records nothing in the child.
//
// Made from the sources by cbindgen, as the tests of the crate `memtrace-c` say; not to be edited.

#ifndef MEMTRACE_H
#define MEMTRACE_H

#include <stdbool.h>
#include <stdint.h>

// The version of this interface. It grows when something is added; what is there stays.
#define MEMTRACE_ABI 2

// When the file has its largest size, recording stops.
#define MEMTRACE_MODE_STOP 0

// When the file has its largest size, the newest events are kept.
#define MEMTRACE_MODE_RING 1

// Memory of a device, seen by that device.
#define MEMTRACE_MEMORY_DEVICE 1

// Page-locked host memory.
#define MEMTRACE_MEMORY_PINNED 2

// Memory that the driver moves between host and device by itself.
#define MEMTRACE_MEMORY_MANAGED 3

// Ordinary host memory.
#define MEMTRACE_MEMORY_HOST 4

// In memtrace_out_of_memory: how much the device had free is not known.
#define MEMTRACE_UNKNOWN 18446744073709551615ull

// Not said.
#define MEMTRACE_TIER_UNKNOWN 0

// A file.
#define MEMTRACE_TIER_DISK 1

// Ordinary (pageable) host memory.
#define MEMTRACE_TIER_HOST 2

// Page-locked host memory.
#define MEMTRACE_TIER_PINNED 3

// The kind of host memory at the host's end is not said.
#define MEMTRACE_HOST_UNKNOWN 0

// Ordinary host memory, copied through a staging buffer of the driver.
#define MEMTRACE_HOST_PAGEABLE 1

// Page-locked host memory, which the device reads and writes by itself.
#define MEMTRACE_HOST_PINNED 2

// Not said.
#define MEMTRACE_REASON_UNKNOWN 0

// A forward needed the module.
#define MEMTRACE_REASON_DEMAND 1

// There was no room for another module.
#define MEMTRACE_REASON_CAPACITY 2

// The engine's rule moves it out after use, room or not.
#define MEMTRACE_REASON_POLICY 3

// The program or its user asked for it.
#define MEMTRACE_REASON_EXPLICIT 4

// It was moved ahead of its use.
#define MEMTRACE_REASON_PREFETCH 5

// The machine was short of memory.
#define MEMTRACE_REASON_PRESSURE 6

// Bytes.
#define MEMTRACE_UNIT_BYTES 1

// A plain number.
#define MEMTRACE_UNIT_COUNT 2

// Hundredths.
#define MEMTRACE_UNIT_PERCENT 3

// Nanoseconds.
#define MEMTRACE_UNIT_NANOSECONDS 4

// Bytes a second.
#define MEMTRACE_UNIT_BYTES_PER_SECOND 5

// Degrees Celsius.
#define MEMTRACE_UNIT_CELSIUS 6

// Watts.
#define MEMTRACE_UNIT_WATTS 7

// A name. The same text has the same name.
typedef uint32_t memtrace_name;

// A named part of the engine that owns weights and moves as a unit. Modules form a tree.
typedef uint32_t memtrace_module;

// A device of the machine.
typedef uint32_t memtrace_device;

// A heap: one address space that events happen in.
typedef uint32_t memtrace_heap;

// A pool: memory of a heap that only its own requests can use again. A heap without such divisions has one.
typedef uint16_t memtrace_pool;

// A transfer under way.
typedef uint64_t memtrace_transfer;

// Where bytes are: one of MEMTRACE_TIER_. Other numbers mean an unknown tier.
typedef uint16_t memtrace_tier;

// A named value, sampled.
typedef uint32_t memtrace_counter;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The MEMTRACE_ABI of the library that is loaded.
uint32_t memtrace_abi(void);

// Whether events are being recorded. Every call asks by itself; ask before work that serves the recording alone.
bool memtrace_enabled(void);

// Begins recording into `file`, which must not exist; if it does, the process id is put into its name. `max_size` is the
// largest size of the file in bytes, 0 for the default: none, or 256 MiB in a ring. False: not recording, because the
// process records already, has recorded before, or the file cannot be made; a line on stderr says which. A program need
// not call it: MEMTRACE_FILE does the same.
bool memtrace_start(const char *file,
                    uint64_t max_size,
                    uint32_t mode);

// Ends recording and closes the log. A program need not call it: it happens when the process exits.
void memtrace_finish(void);

// Says which engine this is. Until then the log names the program.
void memtrace_engine(const char *name, const char *version);

// Interns a text. Takes a lock and a look-up: keep what it returns.
memtrace_name memtrace_name_intern(const char *string);

// Enters a scope on the calling thread. Scopes nest.
void memtrace_scope_begin(memtrace_name name);

// Leaves the scope or phase of this name that the calling thread entered last.
void memtrace_scope_end(memtrace_name name);

// Enters a phase on the calling thread: a scope that reports list by itself, such as a job's stages. A run has few of
// them. memtrace_phase_end leaves it.
void memtrace_phase_begin(memtrace_name name);

// Leaves the phase of this name that the calling thread entered last.
void memtrace_phase_end(memtrace_name name);

// Records that the program is here now, with a number of its own.
void memtrace_mark(memtrace_name name, uint64_t value);

// Names a module. `name` is its own, without its parent's; `parent` is 0 for a root; `bytes` counts its children's
// weights too; `fingerprint` tells its weights from all others, so that a module loaded twice under two names is
// recognised, and is 0 if there is none.
memtrace_module memtrace_module_define(const char *name,
                                       memtrace_module parent,
                                       uint64_t bytes,
                                       uint64_t fingerprint);

// The engine dropped the module; its handle is not used again.
void memtrace_module_released(memtrace_module module);

// A forward of this module runs on the calling thread. What the thread allocates meanwhile belongs to the module. Methods
// that stand for a forward (a VAE's encode and decode) are forwards too.
void memtrace_forward_begin(memtrace_module module);

// The forward of this module that the calling thread began last has ended.
void memtrace_forward_end(memtrace_module module);

// Names the device with this ordinal; `total` is its memory in bytes, 0 if it is not known.
memtrace_device memtrace_device_define(uint16_t ordinal, const char *name, uint64_t total);

// Names a heap, such as `cuda:0`, of MEMTRACE_MEMORY_ `kind`, on `device` if it is a device's. 0 for an unknown kind.
memtrace_heap memtrace_heap_define(const char *name,
                                   uint32_t kind,
                                   memtrace_device device);

// Names a pool of a heap. Its name may be empty. `stream` is the stream whose requests it serves, 0 for the default one.
// 0 for no heap.
memtrace_pool memtrace_pool_define(memtrace_heap heap,
                                   const char *name,
                                   uint64_t stream);

// A caching allocator reserved a segment from the driver. Call it after that happened.
void memtrace_segment_alloc(memtrace_pool pool, uint64_t address, uint64_t size);

// A caching allocator gives a segment back to the driver. Call it before that happens.
void memtrace_segment_free(memtrace_pool pool, uint64_t address, uint64_t size);

// A part of a reserved address range got memory.
void memtrace_segment_map(memtrace_pool pool, uint64_t address, uint64_t size);

// A part of a reserved address range loses its memory.
void memtrace_segment_unmap(memtrace_pool pool, uint64_t address, uint64_t size);

// A block of `size` bytes was handed out for a request of `requested` bytes. Call it after that happened: then no other
// thread's alloc of the same address can come before the free in the log. The block belongs to the module and the scopes
// that are open on the calling thread.
void memtrace_block_alloc(memtrace_pool pool,
                          uint64_t address,
                          uint64_t size,
                          uint64_t requested);

// A block was handed out to `module`, whatever is open on the calling thread; to what is open if it is 0.
void memtrace_block_alloc_for(memtrace_pool pool,
                              memtrace_module module,
                              uint64_t address,
                              uint64_t size,
                              uint64_t requested);

// A live block turns out to belong to `module`: weights that were made before their module was named. One that was handed
// out to a module stays that one's.
void memtrace_block_owned(memtrace_pool pool,
                          memtrace_module module,
                          uint64_t address);

// A block is given back and can be used again at once. Call it before that happens. A `size` of 0: not known.
void memtrace_block_free(memtrace_pool pool, uint64_t address, uint64_t size);

// A block was given back, but a stream may still use it: it stays active.
void memtrace_block_free_requested(memtrace_pool pool, uint64_t address, uint64_t size);

// The last stream is done with a block whose free had been requested.
void memtrace_block_free_completed(memtrace_pool pool, uint64_t address, uint64_t size);

// A request for `requested` bytes failed while the device had `free` bytes, or MEMTRACE_UNKNOWN.
void memtrace_out_of_memory(memtrace_pool pool, uint64_t requested, uint64_t free);

// A transfer of `bytes` of `module` (0: of no module) begins. What the calling thread allocates until it ends belongs to
// the module. `memory` is one of MEMTRACE_HOST_, `reason` one of MEMTRACE_REASON_; `room_for` is the module that needs the
// room if this is an eviction made for one, else 0. End it with memtrace_transfer_end.
memtrace_transfer memtrace_transfer_begin(memtrace_module module,
                                          memtrace_tier from,
                                          memtrace_tier to,
                                          uint64_t bytes,
                                          uint32_t memory,
                                          uint32_t reason,
                                          memtrace_module room_for);

// A transfer ended, having moved so many bytes, on whichever thread that happens.
void memtrace_transfer_end(memtrace_transfer transfer, uint64_t moved);

// As memtrace_transfer_end, where the device measured that it took so many nanoseconds: the time between two of its events,
// say. Reports use that in place of the time between the two calls.
void memtrace_transfer_end_measured(memtrace_transfer transfer,
                                    uint64_t moved,
                                    uint64_t nanoseconds);

// Names a counter of values in MEMTRACE_UNIT_ `unit`, about `device` if it is about one. 0 for an unknown unit.
memtrace_counter memtrace_counter_define(const char *name,
                                         uint32_t unit,
                                         memtrace_device device);

// The counter's value now.
void memtrace_counter_record(memtrace_counter counter, uint64_t value);

// The counter's value now, where it is not a whole number.
void memtrace_counter_record_float(memtrace_counter counter, double value);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MEMTRACE_H */

// The memory of the device with this ordinal, up to 32767: a tier.
#define MEMTRACE_TIER_DEVICE(ordinal) ((uint16_t)(0x8000 | (ordinal)))
