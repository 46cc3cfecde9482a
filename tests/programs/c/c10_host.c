// Opens c10.so as Python opens libc10, for itself alone, and has it hand out and take back blocks.
//
//   c10_host LIBRARY sound|forgetful|threads|late|mapped
//
// `late` hands out a block before anybody is told of one; `mapped` has mapped storages between blocks of the host's. Prints what the profiler was told.

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void (*give)(int, uint64_t, size_t, bool, bool);
static void (*take)(int, uint64_t, size_t, bool);
static void (*fail)(size_t);
static void (*map)(uint64_t, int64_t);

static void *work(void *number) {
    uint64_t base = ((uint64_t)(uintptr_t)number + 1) << 32;
    for (uint64_t round = 0; round < 20000; round++) {
        uint64_t address = base + (round % 7) * 4096;
        give(0, address, 4096, false, false);
        take(0, address, 4096, false);
        // The log grows as fast as the machine has time for it: on a busy one, events beyond that would be lost.
        if (round % 256 == 0)
            usleep(1000);
    }
    return NULL;
}

static void blocks(bool forgetful) {
    for (uint64_t i = 1; i <= 100; i++)
        give(1, i << 20, i * 512, i % 2, forgetful && i == 50);
    fail(1 << 30);
    for (uint64_t i = 1; i <= 100; i += 2)
        take(1, i << 20, i * 512, true);
}

static void mapped(void) {
    map(1 << 24, 1 << 20);
    give(0, 4096, 4096, false, false);
    map(1 << 26, 3 << 20);
    give(0, 16384, 8192, false, false);
    map(1 << 24, -(1 << 20));
    take(0, 4096, 4096, false);
    // The last block of the allocator's own: its sum is 0 as well.
    take(0, 16384, 8192, false);
}

int main(int count, char **arguments) {
    if (count < 3)
        return 2;
    void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    *(void **)&give = dlsym(library, "fake_alloc");
    *(void **)&take = dlsym(library, "fake_free");
    *(void **)&fail = dlsym(library, "fake_fail");
    *(void **)&map = dlsym(library, "fake_map");
    const char *what = arguments[2];
    if (!strcmp(what, "threads")) {
        pthread_t threads[4];
        for (uintptr_t i = 0; i < 4; i++)
            pthread_create(&threads[i], NULL, work, (void *)i);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
    } else if (!strcmp(what, "mapped")) {
        mapped();
    } else if (!strcmp(what, "late")) {
        give(1, 4096, 1 << 20, false, true);
        blocks(false);
    } else {
        blocks(!strcmp(what, "forgetful"));
    }
    printf("%llu %llu\n", *(unsigned long long *)dlsym(library, "profiler_reports"),
           *(unsigned long long *)dlsym(library, "profiler_failures"));
    return 0;
}
