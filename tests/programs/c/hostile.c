// Every call with every argument that a mistaken program could pass. Surviving is the result: nothing is printed on a
// crash. The recording is on if the environment says so, and is ended and asked for again on the way.

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "memtrace.h"

static const uint64_t NUMBERS[] = {0, 1, 2, 3, 7, 99, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0xffffffff, 0x100000001,
                                   0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff};
enum { COUNT = sizeof NUMBERS / sizeof *NUMBERS };

static char long_text[100000];

static const char *const TEXTS[] = {NULL, "", "plain", "\xff\xfe\x80", "caf\xc3", "\x1b[2J\n\r", long_text};
enum { TEXT_COUNT = sizeof TEXTS / sizeof *TEXTS };

static void definitions(void) {
    for (int t = 0; t < TEXT_COUNT; t++) {
        const char *text = TEXTS[t];
        memtrace_engine(text, TEXTS[TEXT_COUNT - 1 - t]);
        memtrace_name_intern(text);
        for (int i = 0; i < COUNT; i++) {
            uint64_t n = NUMBERS[i];
            memtrace_device_define((uint16_t)n, text, ~n);
            memtrace_heap_define(text, (uint32_t)n, (uint32_t)~n);
            memtrace_pool_define((uint32_t)n, text, n);
            memtrace_module_define(text, (uint32_t)n, n, ~n);
            memtrace_counter_define(text, (uint32_t)n, (uint32_t)n);
        }
    }
}

static void events(uint64_t a, uint64_t b) {
    memtrace_pool pool = (memtrace_pool)a;
    memtrace_segment_alloc(pool, a, b);
    memtrace_segment_free(pool, b, a);
    memtrace_segment_map(pool, a, b);
    memtrace_segment_unmap(pool, b, a);
    memtrace_block_alloc(pool, a, b, a);
    memtrace_block_alloc_for(pool, (memtrace_module)b, b, a, b);
    memtrace_block_free(pool, a, b);
    memtrace_block_free_requested(pool, b, a);
    memtrace_block_free_completed(pool, a, b);
    memtrace_out_of_memory(pool, a, b);
    memtrace_forward_end((memtrace_module)a);
    memtrace_forward_begin((memtrace_module)b);
    memtrace_module_released((memtrace_module)a);
    memtrace_transfer_end(b, a);
    memtrace_transfer_end_measured(a, b, a);
    memtrace_transfer_end(memtrace_transfer_begin((memtrace_module)a, (memtrace_tier)a, (memtrace_tier)b, a,
                                                  (uint32_t)b, (uint32_t)a, (memtrace_module)b), b);
    memtrace_scope_end((memtrace_name)a);
    memtrace_phase_end((memtrace_name)b);
    memtrace_scope_begin((memtrace_name)b);
    memtrace_phase_begin((memtrace_name)a);
    memtrace_mark((memtrace_name)a, b);
    memtrace_counter_record((memtrace_counter)b, a);
    memtrace_counter_record_float((memtrace_counter)a, a % 2 ? NAN : -INFINITY);
}

static void everything(void) {
    definitions();
    for (int i = 0; i < COUNT; i++) {
        for (int j = 0; j < COUNT; j++) {
            events(NUMBERS[i], NUMBERS[j]);
        }
    }
}

int main(int count, char **arguments) {
    memset(long_text, 0xe2, sizeof long_text - 1);
    if (memtrace_abi() != MEMTRACE_ABI) {
        return 1;
    }
    bool before = memtrace_enabled();
    everything();
    memtrace_start(NULL, 0, 0);
    memtrace_start("", 1, 77);
    memtrace_start("/nowhere/\xff/a", 0xffffffffffffffff, 0xffffffff);
    // A start that failed does not stand in the way of this one.
    bool started = count > 1 && memtrace_start(arguments[1], 0, MEMTRACE_MODE_STOP);
    everything();
    bool during = memtrace_enabled();
    memtrace_finish();
    memtrace_finish();
    everything();
    printf("before %d started %d during %d after %d\n", before, started, during, memtrace_enabled());
    return 0;
}
