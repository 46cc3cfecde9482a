// A tiny engine in C that memtrace records: two models take turns on a device that has room for one.
//
//     cargo build --release -p memtrace-c
//     gcc -I tracer/c/include examples/c/engine.c -L target/release -lmemtrace -o engine
//     LD_LIBRARY_PATH=target/release MEMTRACE_FILE=engine.trace ./engine [JOBS]
//     memtrace analyze engine.trace
//
// It keeps books of its own, with nothing of memtrace in them, and prints them as JSON.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memtrace.h"

#define MIB (1024ull * 1024)
#define CAPACITY (10 * MIB)
#define GRANULE 512

// What the engine itself knows.
struct books {
    unsigned long long allocs, frees, ooms, allocated, requested, peak_allocated, requested_at_peak;
    unsigned long long loads, loaded_bytes, evictions, evicted_bytes, forwards;
};

static struct books books;

// The device: host memory, of which there is only so much.
static memtrace_device device;
static memtrace_pool pool;

static unsigned long long block_size(unsigned long long requested) {
    return (requested + GRANULE - 1) / GRANULE * GRANULE;
}

// For a module, or for whatever runs.
static char *device_alloc(unsigned long long requested, memtrace_module module) {
    unsigned long long size = block_size(requested);
    char *block = books.allocated + size <= CAPACITY ? malloc(size) : NULL;
    if (!block) {
        memtrace_out_of_memory(pool, requested, CAPACITY - books.allocated);
        books.ooms++;
        return NULL;
    }
    // Behind the real one, as the free below is before it.
    memtrace_block_alloc_for(pool, module, (uint64_t)(uintptr_t)block, size, requested);
    books.allocs++;
    books.allocated += size;
    books.requested += requested;
    if (books.allocated > books.peak_allocated) {
        books.peak_allocated = books.allocated;
        books.requested_at_peak = books.requested;
    }
    return block;
}

static void device_free(char *block, unsigned long long requested) {
    memtrace_block_free(pool, (uint64_t)(uintptr_t)block, block_size(requested));
    books.frees++;
    books.allocated -= block_size(requested);
    books.requested -= requested;
    free(block);
}

// A model: its weights on the host, and on the device while it runs.
struct model {
    const char *name;
    unsigned long long bytes;
    memtrace_module module;
    char *host, *resident;
};

static void model_make(struct model *model) {
    model->host = malloc(model->bytes);
    memset(model->host, 7, model->bytes);
    model->module = memtrace_module_define(model->name, 0, model->bytes, 0);
}

static void model_evict(struct model *model, const struct model *room_for) {
    memtrace_transfer transfer =
        memtrace_transfer_begin(model->module, MEMTRACE_TIER_DEVICE(0), MEMTRACE_TIER_HOST, model->bytes,
                                MEMTRACE_HOST_PAGEABLE, MEMTRACE_REASON_CAPACITY, room_for->module);
    memcpy(model->host, model->resident, model->bytes);
    device_free(model->resident, model->bytes);
    memtrace_transfer_end(transfer, model->bytes);
    model->resident = NULL;
    books.evictions++;
    books.evicted_bytes += model->bytes;
}

// Moves a model to the device; if there is no room, the other one has to leave.
static void model_load(struct model *model, struct model *other) {
    if (model->resident) {
        return;
    }
    char *block = device_alloc(model->bytes, model->module);
    if (!block) {
        model_evict(other, model);
        block = device_alloc(model->bytes, model->module);
    }
    memtrace_transfer transfer =
        memtrace_transfer_begin(model->module, MEMTRACE_TIER_HOST, MEMTRACE_TIER_DEVICE(0), model->bytes,
                                MEMTRACE_HOST_PAGEABLE, MEMTRACE_REASON_DEMAND, 0);
    memcpy(block, model->host, model->bytes);
    memtrace_transfer_end(transfer, model->bytes);
    model->resident = block;
    books.loads++;
    books.loaded_bytes += model->bytes;
}

static void model_run(struct model *model) {
    memtrace_forward_begin(model->module);
    unsigned long long bytes = model->bytes / 16 + 100;
    char *activations = device_alloc(bytes, 0);
    memset(activations, model->resident[0], bytes);
    device_free(activations, bytes);
    memtrace_forward_end(model->module);
    books.forwards++;
}

static void print_books(void) {
    printf("{\"allocs\": %llu, \"frees\": %llu, \"ooms\": %llu, \"peak_allocated_bytes\": %llu, "
           "\"requested_at_peak_bytes\": %llu, \"final_allocated_bytes\": %llu, "
           "\"loads\": %llu, \"loaded_bytes\": %llu, \"evictions\": %llu, \"evicted_bytes\": %llu, "
           "\"forwards\": %llu}\n",
           books.allocs, books.frees, books.ooms, books.peak_allocated, books.requested_at_peak, books.allocated,
           books.loads, books.loaded_bytes, books.evictions, books.evicted_bytes, books.forwards);
}

int main(int count, char **arguments) {
    int jobs = count > 1 ? atoi(arguments[1]) : 4;
    memtrace_engine("engine in C", "1.0");
    device = memtrace_device_define(0, "host memory as a device", CAPACITY);
    pool = memtrace_pool_define(memtrace_heap_define("device:0", MEMTRACE_MEMORY_DEVICE, device), "", 0);
    memtrace_name job = memtrace_name_intern("job");
    memtrace_name done = memtrace_name_intern("job done");
    memtrace_counter allocated = memtrace_counter_define("allocated", MEMTRACE_UNIT_BYTES, device);

    struct model text = {.name = "text", .bytes = 3 * MIB + 40};
    struct model unet = {.name = "unet", .bytes = 8 * MIB};
    model_make(&text);
    model_make(&unet);
    for (int i = 0; i < jobs; i++) {
        memtrace_phase_begin(job);
        model_load(&text, &unet);
        model_run(&text);
        model_load(&unet, &text);
        model_run(&unet);
        memtrace_counter_record(allocated, books.allocated);
        memtrace_phase_end(job);
        memtrace_mark(done, (uint64_t)i);
    }
    print_books();
    return 0;
}
