// A part of a program that records on its own account. Compiled twice, as two shared objects with a name each.

#include <pthread.h>

#include "memtrace.h"

#define TEXT2(x) #x
#define TEXT(x) TEXT2(x)

static void *allocate(void *base) {
    memtrace_pool pool = memtrace_pool_define(memtrace_heap_define(TEXT(PLUGIN), MEMTRACE_MEMORY_HOST, 0), "", 0);
    memtrace_module module = memtrace_module_define(TEXT(PLUGIN), 0, 4096, 0);
    memtrace_forward_begin(module);
    for (uint64_t i = 0; i < 10000; i++) {
        memtrace_block_alloc(pool, (uint64_t)(uintptr_t)base + i * 4096, 4096, 4000);
    }
    memtrace_forward_end(module);
    return NULL;
}

// 10,000 blocks on the calling thread and as many on another, each thread in a heap of its own.
int plugin_run(void) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, allocate, (void *)0x20000000) != 0) {
        return 1;
    }
    allocate((void *)0x10000000);
    return pthread_join(thread, NULL);
}
